package feed

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// western are titles whose letters beyond ASCII stand together, as those of no
// other script do.
var western = []string{
	"Educação", "L'année créée", "La réunion réélue", "Þjóðin ræður", "Não há solução para a inflação", "exposição em São Paulo",
	"EDUCAÇÃO E INFORMAÇÃO", "« Échappée » à Orléans", "« À »", "ÄÖÜ äöü ß", "El niño soñó: ¿qué pasó?", "¡Año nuevo!", "Köln – für 10 €", "Jäääär ja töööö",
	"På ø i åen", "Å, øl og æbler", "hyvää yötä, hääyöaie", "“É” – “Ó”", "naïve œuvre, 100 °", "ÀÉÎÕÜ", "ÇÃO", "Smørrebrød på Ærø",
}

// TestCharsetWestern: a Western feed is read as one, short or long, whether its
// charset is declared or not.
func TestCharsetWestern(t *testing.T) {
	for _, text := range western {
		for _, prolog := range []string{"", "iso-8859-1", "windows-1252", "utf-8", "us-ascii"} {
			for _, header := range []string{"", "text/xml; charset=iso-8859-1", "text/xml; charset=utf-8"} {
				for _, times := range []int{1, 40} {
					body := encoded(t, charmap.Windows1252, withProlog(prolog, strings.TrimSpace(strings.Repeat(text+" ", times))))
					if got := string(toUTF8(body, header)); strings.Count(got, text) != times {
						t.Errorf("%q, prolog %q, header %q, %d times: %.120s", text, prolog, header, times, got)
					}
				}
			}
		}
	}
	for text, enc := range map[string]struct {
		charset encoding.Encoding
		name    string
	}{
		"Święto łąk":     {charmap.ISO8859_2, "iso-8859-2"},
		"Őszi árvíztűrő": {charmap.ISO8859_2, "iso-8859-2"},
		"Ağaç şöyle":     {charmap.ISO8859_9, "iso-8859-9"},
		"Œuvre à 10 €":   {charmap.ISO8859_15, "iso-8859-15"},
		"Žižek píše":     {charmap.Windows1250, "windows-1250"},
	} {
		if got := string(toUTF8(encoded(t, enc.charset, withProlog(enc.name, text)), "")); !strings.Contains(got, text) {
			t.Errorf("%s as %s: %s", text, enc.name, got)
		}
	}
}

// feedIn is a feed of 20 items in enc, of which the one in the middle is bytes.
func feedIn(t *testing.T, enc encoding.Encoding, prolog, text, damaged string) []byte {
	t.Helper()
	body := `<?xml version="1.0"` + prolog + `?><rss><channel>`
	for i := range 20 {
		if i == 10 {
			body += "<item><title>10</title><description>" + damaged + "</description></item>"
			continue
		}
		body += string(encoded(t, enc, fmt.Sprintf("<item><title>%d %s</title></item>", i, text)))
	}
	return []byte(body + "</channel></rss>")
}

// TestCharsetOneDamagedItem: it does not garble the others, however long it is.
func TestCharsetOneDamagedItem(t *testing.T) {
	noise := strings.Repeat("\xff\x98\xfe\xd0\xcf\x81 ", 2000)
	cyrillic := strings.Repeat(string(encoded(t, charmap.Windows1251, russian))+" ", 200)
	for name, test := range map[string]struct {
		enc                   encoding.Encoding
		prolog, text, damaged string
	}{
		"latin-1 in utf-8":             {encoding.Nop, ` encoding="utf-8"`, "l’été", strings.Repeat("\xe9t\xe9 ", 3000)},
		"cyrillic in utf-8":            {encoding.Nop, "", "l’été", cyrillic},
		"noise in utf-8":               {encoding.Nop, "", "l’été", noise},
		"noise in latin-1":             {charmap.Windows1252, ` encoding="iso-8859-1"`, "l’été", noise},
		"cyrillic in latin-1":          {charmap.Windows1252, ` encoding="iso-8859-1"`, "l’été", cyrillic},
		"cyrillic in undeclared":       {charmap.Windows1252, "", "l’été", cyrillic},
		"noise in gbk":                 {simplifiedchinese.GBK, ` encoding="gbk"`, mandarin, noise},
		"noise in undeclared gbk":      {simplifiedchinese.GBK, "", mandarin, noise},
		"noise in undeclared cyrillic": {charmap.Windows1251, "", russian, noise},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(toUTF8(feedIn(t, test.enc, test.prolog, test.text, test.damaged), ""))
			if n := strings.Count(got, test.text); n != 19 {
				t.Errorf("%d of 19 titles are whole: %.300s", n, got)
			}
		})
	}
}
