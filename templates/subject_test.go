package templates

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSubject(t *testing.T) {
	family := "👩‍👩‍👧‍👦"
	for _, c := range []struct {
		name, template, title string
		posts                 int
		want                  string
	}{
		{"default, many", "", "", 6, "A steam box from a wallpaper stripper and 5 more"},
		{"default, one", "", "", 1, "A steam box from a wallpaper stripper"},
		{"default, none", "", "", 0, "Notes from the Boathouse: Week to 26 February 2010"},
		{"facts", "{{.Site}} {{.Number}}: {{.Count}} posts, {{.Period}}", "", 6, "Notes from the Boathouse 12: 6 posts, Week to 26 February 2010"},
		{"dates", "{{.Dates}}", "", 6, "21–26 February 2010"},
		{"first", "{{.First.Title}}, {{.First.Author}}, {{.First.Date}}", "", 1, "A steam box from a wallpaper stripper, Maren Holt, 26 February 2010"},
		{"if", "{{if gt .Count 3}}many{{else}}few{{end}}", "", 6, "many"},
		{"folded", "a\r\nBcc: b@example.com\n\n c", "", 1, "a Bcc: b@example.com c"},
		{"controls", "{{.First.Title}}", "a\x00b\x1bc\u202ed\u2066e\u0085f", 1, "abcde f"},
		{"not HTML", "{{.First.Title}}", "<b> & \"c\"", 1, "<b> & \"c\""},
		{"long", "{{.First.Title}}", strings.Repeat("a", 300), 1, strings.Repeat("a", 199) + "…"},
		{"never inside a family", "{{.First.Title}}", strings.Repeat("a", 195) + family + family, 1, strings.Repeat("a", 195) + "…"},
		{"never inside a flag", "{{.First.Title}}", strings.Repeat("🇸🇪", 150), 1, strings.Repeat("🇸🇪", 99) + "…"},
		{"never before an accent", "{{.First.Title}}", strings.Repeat("a", 198) + "e\u0301\u0301xx", 1, strings.Repeat("a", 198) + "…"},
		{"invalid UTF-8", "{{.First.Title}}", "a\xffb", 1, "a\uFFFDb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Sample(friday, c.posts)
			e.SubjectTemplate = c.template
			if c.title != "" {
				e.Posts[0].Title = c.title
			}
			got, err := subjectOf(e)
			if err != nil || got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for _, good := range []string{"", DefaultSubject, "News", "{{.Site}} No. {{.Number}}", "{{with .More}}{{printf \"%02d\" .}}{{end}}", "{{/* note */}}{{.Count}}"} {
		if err := Check(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, c := range []struct {
		subject string
		line    int
		says    string
	}{
		{"{{.Titel}}", 1, "there is no {{.Titel}}; there are {{.First.Title}}"},
		{"a\n{{.First.Body}}", 2, "there is no {{.First.Body}}"},
		{"{{.First.Title}", 1, "bad character"},
		{"{{env}}", 1, "function \"env\" not defined"},
		{"{{range .Count}}x{{end}}", 1, "only facts"},
		{"{{with .More}}{{range .}}x{{end}}{{end}}", 1, "only facts"},
		{"{{call .Site}}", 1, "the function call is not for subjects"},
		{"{{html .Site}}", 1, "the function html is not for subjects"},
		{"{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}", 0, "not for subjects"},
		{"{{.Site.Name}}", 1, ".Site.Name"},
		{strings.Repeat("a", 2000), 0, "1,000 bytes"},
	} {
		err := Check(c.subject)
		var s *SubjectError
		if !errors.As(err, &s) || s.Line != c.line || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.40q: got %v (line %d), want line %d, %q", c.subject, err, lineOf(s), c.line, c.says)
		}
	}
}

func lineOf(s *SubjectError) int {
	if s == nil {
		return -1
	}
	return s.Line
}

func FuzzSubject(f *testing.F) {
	for _, s := range []string{DefaultSubject, "{{.Count}}", "{{.First.Title}", "{{printf \"%1000d\" .Count}}", "\u202e{{.Site}}\r\n"} {
		f.Add(s, "A title 👩‍👩‍👧‍👦")
	}
	f.Fuzz(func(t *testing.T, template, title string) {
		e := Sample(friday, 2)
		e.SubjectTemplate, e.Posts[0].Title = template, title
		s, err := subjectOf(e)
		if err != nil {
			return
		}
		checkPlain(t, s)
		if strings.ContainsRune(s, '\n') || utf8.RuneCountInString(s) > subjectLimit || !utf8.ValidString(s) || s == "" {
			t.Errorf("subject %q", s)
		}
	})
}
