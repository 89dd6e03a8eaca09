package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// usage makes a wrong number of arguments a usage error (exit code 2) that
// names what is missing or too much.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		path, wants := cmd.CommandPath(), strings.Fields(cmd.Use)[1:]
		var err error
		switch {
		case cmd.HasSubCommands():
			err = fmt.Errorf("%s has no command %q", path, args[0])
		case len(args) < len(wants):
			err = fmt.Errorf("%s needs %s", path, strings.Join(wants[len(args):], " and "))
		case len(wants) == 0:
			err = fmt.Errorf("%s takes no arguments, and %q is one", path, args[0])
		default:
			err = fmt.Errorf("%s takes %s alone, and %q is one too many", path, strings.Join(wants, " and "), args[len(wants)])
		}
		return wrong("see `"+path+" --help`", err)
	}
}

var flagValue = regexp.MustCompile(`^invalid argument (".*") for "(?:-., )?(--[a-z-]+)" flag: `)

// plainFlag takes the parser's own words out of the error about a flag's value.
func plainFlag(err error) error {
	if m := flagValue.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s cannot be %s", m[2], m[1])
	}
	return err
}

var plainWord = regexp.MustCompile(`^[\pL\pN_./:@%+=,-]+$`)

// typed is a command to type next, with the config this one was given.
func (d *door) typed(format string, args ...any) string {
	command := "digest " + fmt.Sprintf(format, args...)
	if d.named {
		command += " --config " + quoted(d.config)
	}
	return command
}

// quoted is a word as a shell reads it.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

var password = regexp.MustCompile(`(://[^/?#\s":@]*):[^/?#\s"]*@`)

// shown hides the password of any address in a text, as [url.URL.Redacted] does.
func shown(text string) string { return password.ReplaceAllString(text, "$1:xxxxx@") }

// local tells a time as people do: in the newsletter's zone, with the distance.
func local(t, now time.Time, loc *time.Location) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(loc).Format("Monday 2 January 2006 15:04 MST") + ", " + distance(t.Sub(now))
}

func distance(d time.Duration) string {
	switch {
	case d.Abs() < time.Minute:
		return "now"
	case d < 0:
		return span(-d) + " ago"
	}
	return "in " + span(d)
}

// span rounds to the unit that matters: 6 days and 23 hours are 7 days.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if minutes := d.Round(time.Minute); minutes < time.Hour {
		return plural(int(minutes/time.Minute), "minute")
	}
	if hours := d.Round(time.Hour); hours < 2*day {
		return plural(int(hours/time.Hour), "hour")
	}
	return plural(int(d.Round(day)/day), "day")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// hidden is an error for a page, without a password.
func hidden(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(shown(err.Error()))
}
