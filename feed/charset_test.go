package feed

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// Two sentences a blog could begin with, in the language of each charset.
const (
	german    = "Grüße aus Köln – über Äpfel für 10 €"
	polish    = "Zażółć gęślą jaźń, źdźbło i łąka"
	russian   = "Сегодня мы расскажем о новой версии программы и о том, как её установить на старый компьютер"
	greek     = "Σήμερα θα μιλήσουμε για τη νέα έκδοση του προγράμματος και πώς θα το εγκαταστήσετε"
	hebrew    = "היום נספר על הגרסה החדשה של התוכנה ואיך להתקין אותה על מחשב ישן"
	arabic    = "سنتحدث اليوم عن الإصدار الجديد من البرنامج وكيفية تثبيته على الحاسوب القديم"
	turkish   = "Bugün yeni sürümü ve eski bilgisayara nasıl kurulacağını anlatıyoruz, şöyle ki"
	nihongo   = "今日は新しいバージョンについて、古いパソコンにどうやってインストールするかを説明します。"
	mandarin  = "今天我们来说一说新的版本，以及你可以怎么在旧的电脑上安装它。这是一个不大的变化。"
	cantonese = "今天我們來說一說新的版本，以及你可以怎麼在舊的電腦上安裝它。這是一個不大的變化。"
	hangugeul = "오늘은 새로운 버전에 대해서 이야기하고 오래된 컴퓨터에 어떻게 설치하는지 설명합니다. 이것은 작은 변화입니다."
)

func encoded(t testing.TB, enc encoding.Encoding, s string) []byte {
	t.Helper()
	b, err := enc.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatalf("encoding %q: %v", s, err)
	}
	return b
}

func withProlog(charset, text string) string {
	if charset != "" {
		charset = ` encoding="` + charset + `"`
	}
	return `<?xml version="1.0"` + charset + `?><rss><channel><item><title>` + text + `</title></item></channel></rss>`
}

func TestCharset(t *testing.T) {
	utf16 := func(e unicode.Endianness, b unicode.BOMPolicy) encoding.Encoding { return unicode.UTF16(e, b) }
	tests := map[string]struct {
		enc            encoding.Encoding // the bytes
		header, prolog string            // what is said of them
		text           string
	}{
		"utf-8":                           {encoding.Nop, "", "", russian},
		"utf-8 called latin-1":            {encoding.Nop, "text/xml; charset=iso-8859-1", "iso-8859-1", russian},
		"utf-8 called shift_jis":          {encoding.Nop, "", "shift_jis", nihongo},
		"utf-8 called utf-16":             {encoding.Nop, "", "utf-16", german},
		"utf-8 mark":                      {unicode.UTF8BOM, "text/xml; charset=iso-8859-1", "", german},
		"utf-16le mark":                   {utf16(unicode.LittleEndian, unicode.UseBOM), "", "utf-16", nihongo},
		"utf-16be mark":                   {utf16(unicode.BigEndian, unicode.UseBOM), "text/xml; charset=utf-8", "utf-8", russian},
		"utf-16le bare":                   {utf16(unicode.LittleEndian, unicode.IgnoreBOM), "", "", german},
		"utf-16be bare":                   {utf16(unicode.BigEndian, unicode.IgnoreBOM), "", "u16", german},
		"utf-32le mark":                   {utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), "", "utf-32", mandarin},
		"utf-32be bare":                   {utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), "", "", german},
		"windows-1252 prolog":             {charmap.Windows1252, "", "windows-1252", german},
		"windows-1252 called latin-1":     {charmap.Windows1252, "", "iso-8859-1", german},
		"windows-1252 called ascii":       {charmap.Windows1252, "text/xml; charset='us-ascii'", "", german},
		"windows-1252 called utf-8":       {charmap.Windows1252, "text/xml; charset=utf-8", "utf-8", german},
		"windows-1252 called utf-16":      {charmap.Windows1252, "", "utf-16", german},
		"windows-1252 called utf-7":       {charmap.Windows1252, "", "utf-7", german},
		"windows-1252 called ebcdic":      {charmap.Windows1252, "", "ibm037", german},
		"windows-1252 called nonsense":    {charmap.Windows1252, "", "klingon", german},
		"windows-1252 x-user-defined":     {charmap.Windows1252, "", "x-user-defined", german},
		"windows-1252 in the header":      {charmap.Windows1252, `text/xml;charset= "Windows-1252"`, "windows-1251", german},
		"windows-1252 called utf-32":      {charmap.Windows1252, "", "utf-32", german},
		"windows-1250":                    {charmap.Windows1250, "", "cp1250", polish},
		"iso-8859-2":                      {charmap.ISO8859_2, "", "ISO-8859-2", polish},
		"windows-1250 called iso-8859-2":  {charmap.Windows1250, "", "iso-8859-2", "– „Ruß“ …"},
		"iso-8859-9":                      {charmap.ISO8859_9, "", "iso-8859-9", turkish},
		"iso-8859-7":                      {charmap.ISO8859_7, "text/xml; charset=iso-8859-7", "", greek},
		"iso-8859-8":                      {charmap.ISO8859_8, "", "iso-8859-8", hebrew},
		"windows-1251 header over prolog": {charmap.Windows1251, "text/xml; charset=windows-1251", "koi8-r", russian},
		"windows-1251 odd names":          {charmap.Windows1251, "text/xml; charset:win-1251", "", russian},
		"windows_1251":                    {charmap.Windows1251, "", "windows_1251", russian},
		"windows-1251 twice in header":    {charmap.Windows1251, "text/xml; charset=windows-1251; charset=utf-8", "", russian},
		"windows-1251 bare":               {charmap.Windows1251, "", "", russian},
		"windows-1251 called latin-1":     {charmap.Windows1251, "text/xml; charset=iso-8859-1", "", russian},
		"windows-1251 latin-1 in header":  {charmap.Windows1251, "text/xml; charset=iso-8859-1", "windows-1251", russian},
		"windows-1251 called utf-8":       {charmap.Windows1251, "", "utf-8", russian},
		"koi8-r":                          {charmap.KOI8R, "", "koi8-r", russian},
		"koi8-r bare":                     {charmap.KOI8R, "", "", russian},
		"ibm866":                          {charmap.CodePage866, "", "cp866", russian},
		"ibm852":                          {charmap.CodePage852, "", "cp852", polish},
		"windows-1253 bare":               {charmap.Windows1253, "", "", greek},
		"windows-1255 bare":               {charmap.Windows1255, "", "", hebrew},
		"windows-1256":                    {charmap.Windows1256, "", "windows-1256", arabic},
		"windows-1256 bare":               {charmap.Windows1256, "", "", arabic},
		"shift_jis":                       {japanese.ShiftJIS, "", "Shift_JIS", nihongo},
		"shift_jis x-sjis":                {japanese.ShiftJIS, "text/xml; charset=x-sjis", "", nihongo},
		"shift_jis bare":                  {japanese.ShiftJIS, "", "", nihongo},
		"shift_jis called latin-1":        {japanese.ShiftJIS, "", "iso-8859-1", nihongo},
		"shift_jis called cp932":          {japanese.ShiftJIS, "text/xml; charset=cp932", "", "空"},
		"euc-jp":                          {japanese.EUCJP, "", "euc-jp", nihongo},
		"euc-jp bare":                     {japanese.EUCJP, "", "", nihongo},
		"iso-2022-jp":                     {japanese.ISO2022JP, "", "iso-2022-jp", nihongo},
		"gb2312":                          {simplifiedchinese.GBK, "", "gb2312", mandarin},
		"gb2312 that is gb18030":          {simplifiedchinese.GB18030, "text/xml; charset='gb2312'", "", "嗞" + mandarin},
		"gbk bare":                        {simplifiedchinese.GBK, "", "", mandarin},
		"gbk called utf-8":                {simplifiedchinese.GBK, "text/xml; charset=utf-8", "utf-8", mandarin},
		"gbk called us-ascii":             {simplifiedchinese.GBK, "text/xml; charset=us-ascii", "gbk", "短"},
		"big5":                            {traditionalchinese.Big5, "", "big5", cantonese},
		"big5 bare":                       {traditionalchinese.Big5, "", "", cantonese},
		"euc-kr":                          {korean.EUCKR, "", "ks_c_5601-1987", hangugeul},
		"euc-kr bare":                     {korean.EUCKR, "", "", hangugeul},
		"ebcdic":                          {charmap.CodePage037, "", "ibm037", "plain words"},
		"ebcdic 1140":                     {charmap.CodePage1140, "", "IBM01140", "10 €"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			body := encoded(t, test.enc, withProlog(test.prolog, test.text))
			got := string(toUTF8(body, test.header))
			if want := withProlog(test.prolog, test.text); strings.TrimPrefix(got, "\uFEFF") != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			doc, err := Parse(body, nil, test.header, noon)
			if err != nil || len(doc.Posts) != 1 || doc.Posts[0].Title != test.text {
				t.Errorf("parsed: %+v, %v", doc.Posts, err)
			}
		})
	}
}

// A few bytes that broke on the way must not turn the rest of a feed into
// something else, and a file cut inside a character must not end in half of it.
func TestCharsetBroken(t *testing.T) {
	tests := map[string]struct {
		enc            encoding.Encoding
		header, prolog string
		text           string
	}{
		"utf-8":                {encoding.Nop, "", "utf-8", nihongo},
		"utf-8 called latin-1": {encoding.Nop, "text/xml; charset=iso-8859-1", "", russian},
		"utf-8 mark":           {unicode.UTF8BOM, "", "", mandarin},
		"shift_jis":            {japanese.ShiftJIS, "", "shift_jis", nihongo},
		"euc-jp":               {japanese.EUCJP, "", "euc-jp", nihongo},
		"gbk":                  {simplifiedchinese.GBK, "", "gbk", mandarin},
		"gbk bare":             {simplifiedchinese.GBK, "", "", mandarin},
		"big5":                 {traditionalchinese.Big5, "text/xml; charset=big5", "", cantonese},
		"euc-kr":               {korean.EUCKR, "", "euc-kr", hangugeul},
		"utf-16":               {unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "", "", nihongo},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			const times = 40
			body := encoded(t, test.enc, withProlog(test.prolog, strings.Repeat("<p>"+test.text+"</p>\n", times)))
			for i := len(body) / 8; i < len(body)-2; i += len(body) / 8 {
				body[i] = 0xFF
			}
			got := string(toUTF8(body, test.header))
			if whole := strings.Count(got, test.text); whole < times-10 {
				t.Errorf("%d of %d sentences are whole: %.300s", whole, times, got)
			}
			for cut := len(body) - 60; cut < len(body)-50; cut++ {
				if got := toUTF8(body[:cut], test.header); !utf8.Valid(got) || bytes.HasSuffix(got, []byte("\uFFFD")) {
					t.Errorf("cut at %d: ends in %q", cut, got[len(got)-8:])
				}
			}
		})
	}
}

// Two charsets in one file, as where old posts were pasted into a new database.
func TestCharsetMixed(t *testing.T) {
	for in, want := range map[string]string{
		"Gr\xfc\xdfe, schöne Größe aus Köln":     "Grüße, schöne Größe aus Köln",
		"Köln, K\xf6ln, caf\xe9 и русский текст": "Köln, Köln, café и русский текст",
		"it\x92s – an \x93old\x94 post, Größe":   "it’s – an “old” post, Größe",
		"don\u0092t and \u0093so\u0094 on\u0085": "don’t and “so” on\u0085",
		"broken \xe6\x97 日本語の文章です":               "broken \uFFFD 日本語の文章です",
		"cut 日本語の文章\xe3\x81":                     "cut 日本語の文章",
	} {
		if got := string(toUTF8([]byte(in), "")); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzCharset(f *testing.F) {
	f.Add([]byte(withProlog("utf-8", "caf\xe9 日本")), "")
	f.Add(encoded(f, japanese.ShiftJIS, withProlog("shift_jis", nihongo)), "text/xml; charset=euc-jp")
	f.Add(encoded(f, charmap.Windows1251, withProlog("", russian)), "")
	f.Add(encoded(f, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), withProlog("utf-16", german)), "")
	f.Add(encoded(f, charmap.CodePage037, withProlog("cp1047", "x")), "")
	f.Add([]byte("\x1b$B%F%9%H\x1b(B"), "text/xml; charset=iso-2022-jp")
	f.Add([]byte("\xff\xfe\x00\x00<\x00\x00"), "")
	f.Add([]byte("{\"title\":\"\xc2\x92\xc2"), "application/json; charset=\"hz-gb-2312\"")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		got := toUTF8(body, contentType)
		if !utf8.Valid(got) {
			t.Fatalf("not UTF-8: %q", got)
		}
		if len(got) > 3*len(body) {
			t.Fatalf("%d bytes became %d", len(body), len(got))
		}
		if utf8.Valid(body) && !bytes.ContainsAny(body, "\x00\x1b\u0080\u0081\uFEFF\uFFFD") && !bytes.Contains(body, []byte("\xC2")) &&
			!bytes.HasPrefix(body, []byte("\x4C\x6F")) && !bytes.Equal(got, body) {
			t.Fatalf("UTF-8 was changed: %q became %q", body, got)
		}
	})
}
