package feed

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

var (
	prologEncoding = regexp.MustCompile(`(?i)^\s*<\?xml[^>]*?encoding\s*=\s*["']?\s*([A-Za-z0-9._:-]+)`)
	headerCharset  = regexp.MustCompile(`(?i)charset\s*[=:]\s*["']?\s*([A-Za-z0-9._:+-]+)`)
)

// charsetAliases are names that neither list of charsets has, and some programs
// write.
var charsetAliases = map[string]string{
	"cp932": "shift_jis", "cp950": "big5", "uhc": "euc-kr", "eucjp": "euc-jp", "maccyrillic": "x-mac-cyrillic",
	"mac-cyrillic": "x-mac-cyrillic", "macroman": "macintosh",
}

// toUTF8 decodes body; what it returns is always valid UTF-8. The order is byte
// order mark, HTTP header, prolog, guess (RFC 7303, section 3); but the bytes
// have the last word. What is UTF-8 is taken as that whatever was declared, also
// where some bytes of it are broken, because old servers stamp iso-8859-1 on
// everything; and a label that does not fit is passed over.
func toUTF8(body []byte, contentType string) []byte {
	if enc, ok := wideCharset(body); ok {
		return decode(enc, body)
	}
	if bytes.HasPrefix(body, []byte("\x4C\x6F\xA7\x94")) { // "<?xm" in EBCDIC
		body = fromEBCDIC(body)
	}
	marked := bytes.HasPrefix(body, []byte("\xEF\xBB\xBF"))
	if marked {
		body = body[3:]
	}
	if isASCII(body) && !bytes.Contains(body, []byte("\x1B")) {
		return body
	}
	good, bad := countUTF8(body)
	switch {
	case bad == 0 && good > 0:
		return mendControls(body)
	case marked || good > 0 && (good >= bad || mostlyUTF8(body)):
		return mendControls(mendUTF8(body))
	}
	labels := charsets(declared(body, contentType))
	for _, enc := range labels {
		if enc == charmap.Windows1252 && guess(body, proofNeeded(len(labels) == 1)) != enc {
			continue // every byte fits it, and old servers call everything by that name
		}
		if text := decode(enc, body); fits(text) {
			return mendControls(text)
		}
	}
	if good+bad == 0 {
		return body
	}
	return mendControls(decode(guess(body, proofNeeded(false)), body))
}

// wideCharset says whether body is UTF-16 or UTF-32: there, markup has zeros in every
// other byte or in three of four, and no other text has any. A byte order mark
// says no more than that.
func wideCharset(body []byte) (encoding.Encoding, bool) {
	head := body[:min(len(body), 200)&^3]
	var zeros [4]int
	for i, c := range head {
		if c == 0 {
			zeros[i%4]++
		}
	}
	most := func(i int) bool { return len(head) > 0 && zeros[i]*12 >= len(head) }
	few := func(i int) bool { return zeros[i]*40 <= len(head) }
	switch {
	case most(0) && most(1) && most(2) && few(3):
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM), true
	case few(0) && most(1) && most(2) && most(3):
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), true
	case most(0) && most(2) && few(1) && few(3):
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), true
	case few(0) && few(2) && most(1) && most(3):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), true
	}
	return nil, false
}

// fromEBCDIC decodes by the code page the prolog names, which all spell alike.
func fromEBCDIC(body []byte) []byte {
	text := decode(charmap.CodePage037, body)
	if m := prologEncoding.FindSubmatch(text[:min(len(text), 200)]); m != nil {
		if enc := lookup(string(m[1])); enc == charmap.CodePage1047 || enc == charmap.CodePage1140 {
			return decode(enc, body)
		}
	}
	return text
}

// decode reads body as enc; a character cut off at the end is dropped.
func decode(enc encoding.Encoding, body []byte) []byte {
	text, err := enc.NewDecoder().Bytes(body)
	if err != nil || !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return bytes.TrimSuffix(text, []byte("\uFFFD"))
}

// fits: in most items hardly any character beyond ASCII is one the charset has not.
func fits(text []byte) bool {
	good, bad := 0, 0
	for _, item := range splitItems(text) {
		other := 0
		for _, c := range item {
			if c >= 0xC0 {
				other++
			}
		}
		switch {
		case other == 0:
		case bytes.Count(item, []byte("\uFFFD"))*20 <= other:
			good++
		default:
			bad++
		}
	}
	return good >= 2*bad
}

// mostlyUTF8: so are more items than not, though one that is not may be longer than all others.
func mostlyUTF8(body []byte) bool {
	are, not := 0, 0
	for _, item := range splitItems(body) {
		good, bad := countUTF8(item)
		switch {
		case good > 0 && good >= bad:
			are++
		case bad > 0:
			not++
		}
	}
	return are > not
}

// splitItems cuts a feed before each of its items, whatever its charset, if that
// reads ASCII. It gives at least one part.
func splitItems(body []byte) [][]byte {
	mark := []byte("<item")
	for _, other := range []string{"<entry", `"id"`} {
		if !bytes.Contains(body, mark) {
			mark = []byte(other)
		}
	}
	var items [][]byte
	for len(body) > len(mark) {
		i := bytes.Index(body[len(mark):], mark)
		if i < 0 {
			break
		}
		items = append(items, body[:len(mark)+i])
		body = body[len(mark)+i:]
	}
	return append(items, body)
}

// readsASCII tells charsets in which markup looks like markup from EBCDIC.
func readsASCII(enc encoding.Encoding) bool {
	text, err := enc.NewDecoder().String("<")
	return err == nil && text == "<"
}

// declared lists the charsets the HTTP header and the prolog name, in this order.
func declared(body []byte, contentType string) []string {
	var labels []string
	if m := headerCharset.FindStringSubmatch(contentType); m != nil {
		labels = append(labels, m[1])
	}
	head := body[:min(len(body), 1024)]
	if i := bytes.Index(head, []byte("<?xml")); i > 0 {
		head = head[i:]
	}
	if m := prologEncoding.FindSubmatch(head); m != nil {
		labels = append(labels, string(m[1]))
	}
	return labels
}

// charsets are those of labels that can be true of markup, each once.
func charsets(labels []string) []encoding.Encoding {
	var list []encoding.Encoding
	for _, label := range labels {
		if enc := lookup(label); enc != nil && readsASCII(enc) && !slices.Contains(list, enc) {
			list = append(list, enc)
		}
	}
	return list
}

// lookup is the charset of this name, or nil: for names nobody knows, and for
// those that can't be true of bytes that are neither wide, nor ASCII, nor UTF-8.
// The names are those of the web (WHATWG Encoding, section 4.2), then IANA's.
func lookup(label string) encoding.Encoding {
	label = strings.ReplaceAll(strings.ToLower(label), "_", "-")
	if name, ok := charsetAliases[label]; ok {
		label = name
	}
	if strings.Contains(label, "ascii") || strings.HasPrefix(label, "ansi-x3") {
		return nil
	}
	page := "windows-" + strings.TrimLeft(label, "cpwin-")
	for _, name := range []string{label, strings.TrimPrefix(label, "x-"), page} {
		enc, err := htmlindex.Get(name)
		if err != nil {
			enc, err = ianaindex.IANA.Encoding(name)
		}
		switch {
		case err != nil || enc == nil:
			continue
		case enc == simplifiedchinese.GBK:
			return simplifiedchinese.GB18030
		case enc == encoding.Replacement || enc == charmap.XUserDefined || enc == unicode.UTF8 || strings.HasPrefix(name, "utf-"):
			return nil
		}
		return enc
	}
	return nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// countUTF8 counts the characters beyond ASCII that are UTF-8, and the bytes
// that are not.
func countUTF8(body []byte) (good, bad int) {
	for len(body) > 0 {
		if body[0] < utf8.RuneSelf {
			body = body[1:]
			continue
		}
		r, n := utf8.DecodeRune(body)
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		body = body[n:]
	}
	return good, bad
}

// mendUTF8 makes body valid. Bytes that could never have been part of UTF-8 where
// they stand are windows-1252, as where old posts were pasted into a newer
// database; of a broken character one U+FFFD stays, and none at the end of body.
func mendUTF8(body []byte) []byte {
	out := make([]byte, 0, len(body)+len(body)/16)
	for i := 0; i < len(body); {
		start := i
		for i < len(body) && body[i] < utf8.RuneSelf {
			i++
		}
		out = append(out, body[start:i]...)
		start = i
		leads := true
		for i < len(body) && body[i] >= utf8.RuneSelf {
			leads = leads && body[i] >= 0xC0
			i++
		}
		if run := body[start:i]; i < len(body) && (leads || len(run) == 1) {
			for _, c := range run {
				out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(c))
			}
		} else {
			out = append(out, bytes.ToValidUTF8(run, []byte("\uFFFD"))...)
		}
	}
	return bytes.TrimSuffix(out, []byte("\uFFFD"))
}

// mendControls replaces the control characters U+0080 to U+009F, which no text
// holds, by what windows-1252 has there: they come from programs that took its
// quotation marks for iso-8859-1.
func mendControls(text []byte) []byte {
	at := nextControl(text)
	if at < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for ; at >= 0; at = nextControl(text) {
		out = append(out, text[:at]...)
		out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(text[at+1]))
		text = text[at+2:]
	}
	return append(out, text...)
}

// nextControl is where text has its first character of U+0080 to U+009F but
// U+0085, the end of a line; -1 if it has none.
func nextControl(text []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], 0xC2)
		if i < 0 || from+i+1 >= len(text) {
			return -1
		}
		from += i + 1
		if c := text[from]; c < 0xA0 && c != 0x85 {
			return from - 1
		}
	}
}
