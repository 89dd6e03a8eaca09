package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// environment is the File of what a variable says.
const environment = "environment"

// Error is one thing wrong with a config. It holds no secret and no line of the
// file.
type Error struct {
	File    string // name as given to Load, or "environment"
	Line    int    // from 1; 0 = no line is to blame
	Key     string // "[mail] rate", "[[digest]] on", "DIGEST_MAIL_RATE"; "" = the file as a whole
	Problem string // "5/x: …"
	Hint    string // what to do; "" = the problem says it
	Err     error  // cause, not shown; nil = none
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Error is one line: "digest.toml:12: [mail] rate: …; …".
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Sentence()
	}
	return e.Sentence() + "; " + e.Hint
}

// Advice is what to do about it, never empty.
func (e *Error) Advice() string {
	if e.File == environment {
		return cmp.Or(e.Hint, "mend or unset "+e.Key+" in the environment; nothing was changed")
	}
	return cmp.Or(e.Hint, "mend that line of the config; nothing was changed")
}

// Sentence is the error without its hint.
func (e *Error) Sentence() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line))
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Errors is everything wrong with a config, in the order of the file; what the
// environment says comes last. [Load] returns a pointer to one that is not empty.
type Errors []*Error

// Error is one line for each.
func (all *Errors) Error() string {
	lines := make([]string, len(*all))
	for i, e := range *all {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets [errors.As] find an [Error].
func (all *Errors) Unwrap() []error {
	errs := make([]error, len(*all))
	for i, e := range *all {
		errs[i] = e
	}
	return errs
}

func (all Errors) sort() {
	slices.SortStableFunc(all, func(a, b *Error) int {
		fromFile := func(e *Error) int {
			if e.File == environment {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(fromFile(a), fromFile(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
}
