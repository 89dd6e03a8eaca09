package templates

import (
	"embed"
	"fmt"
	html "html/template"
	"mime/quotedprintable"
	"strings"
	text "text/template"

	nethtml "golang.org/x/net/html"
)

//go:embed letter
var letter embed.FS

// outlook is what Word, which Outlook for Windows draws mail with, needs: a
// table of fixed width, and its fonts told again. html/template deletes
// comments, so they come from a function.
var outlook = map[string]html.HTML{
	"head":  `<!--[if mso]><xml><o:OfficeDocumentSettings xmlns:o="urn:schemas-microsoft-com:office:office"><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><style>td,p,h1,h2,h3,h4,a,li,div{font-family:Georgia,serif}</style><![endif]-->` + "\n",
	"open":  `<!--[if mso]><table role="presentation" width="600" align="center" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->` + "\n",
	"close": `<!--[if mso]></td></tr></table><![endif]-->` + "\n",
}

// writeHTML runs one of the theme's HTML templates.
func writeHTML(name string, v view) (string, error) {
	funcs := html.FuncMap{"outlook": func(part string) html.HTML { return outlook[part] }}
	t, err := html.New(name).Funcs(funcs).ParseFS(letter, "letter/frame.html", "letter/"+name)
	if err != nil {
		return "", fmt.Errorf("reading theme: %w", err)
	}
	return runHTML(t, v)
}

func runHTML(t *html.Template, v view) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", fmt.Errorf("rendering HTML: %w", err)
	}
	s := b.String()
	if where := refused(s); where != "" {
		return "", fmt.Errorf("rendering HTML: html/template refused a value in %s", where)
	}
	return s, nil
}

// refused names the place where html/template put its mark for a value it
// would not write, "" when there is none. A post that merely mentions the mark
// is no such place.
func refused(s string) string {
	const mark = "ZgotmplZ"
	z := nethtml.NewTokenizer(strings.NewReader(s))
	inStyle := false
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			return ""
		case nethtml.TextToken:
			if inStyle && strings.Contains(string(z.Raw()), mark) {
				return "<style>"
			}
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken:
			t := z.Token()
			inStyle = t.Data == "style"
			for _, a := range t.Attr {
				if a.Val == "#"+mark || a.Key == strings.ToLower(mark) || a.Key == "style" && strings.Contains(a.Val, mark) {
					return "<" + t.Data + " " + a.Key + ">"
				}
			}
		case nethtml.EndTagToken:
			inStyle = false
		}
	}
}

// writeText runs one of the theme's text templates.
func writeText(name string, v view) (string, error) {
	funcs := text.FuncMap{
		"wrap": func(s string) string { return strings.Join(paragraph(s, textWidth), "\n") },
		"rule": func() string { return strings.Repeat("-", textWidth) },
		"join": join,
		"item": func(n int, s string) string {
			mark := fmt.Sprintf("%2d. ", n)
			return strings.Join(prefix(paragraph(s, textWidth-len(mark)), mark, strings.Repeat(" ", len(mark)), textWidth), "\n")
		},
	}
	t, err := text.New(name).Funcs(funcs).ParseFS(letter, "letter/"+name)
	if err != nil {
		return "", fmt.Errorf("reading theme: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", fmt.Errorf("rendering text: %w", err)
	}
	return b.String(), nil
}

// encodedSize is the size of s as quoted-printable, the way it travels.
func encodedSize(s string) int {
	var n counter
	w := quotedprintable.NewWriter(&n)
	if _, err := w.Write([]byte(s)); err != nil { // counting cannot fail
		return len(s)
	}
	if err := w.Close(); err != nil {
		return len(s)
	}
	return int(n)
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
