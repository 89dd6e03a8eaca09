package feed

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

const (
	guessBytes = 16 << 10 // beyond ASCII, with their neighbours, that a guess looks at
	guessLeast = 0.5      // of the share that is usual
)

// script is what a guess knows of one: the characters its texts are most full
// of, and the share of those beyond ASCII that they usually make up.
type script struct {
	charset encoding.Encoding
	typical string
	usual   float64
}

// scripts that are told apart without anything declared. Western and Central
// European charsets are not among them: their letters are the same bytes, and no
// count tells them apart honestly.
func scripts() []script {
	const (
		kana     = "のにはをたがでてとしれさいるなもかすまこりくっらうンスートルアイリラ"
		hangul   = "이다는의에가을를은고하지한로도서사기어인시대자전정으리아해나일수"
		han      = "的一是不了在人有我他中大上国到和地出要也就年得里子你那以用会可好多自行"
		hanTrad  = "的一是不了在人有我他中大上國到和地出要也就年得裡子你那以用會可好多自行這們個來時為說"
		cyrillic = "оеаинтсрвлкмдпу"
	)
	return []script{
		{japanese.ShiftJIS, kana, 0.4},
		{japanese.EUCJP, kana, 0.4},
		{simplifiedchinese.GB18030, han + "这们个来时为说", 0.2},
		{traditionalchinese.Big5, hanTrad, 0.2},
		{korean.EUCKR, hangul, 0.3},
		{charmap.Windows1251, cyrillic, 0.75},
		{charmap.KOI8R, cyrillic, 0.75},
		{charmap.Windows1253, "αοιετσνηυρπκ", 0.7},
		{charmap.Windows1255, "יוהלאתרמשבנ", 0.75},
		{charmap.Windows1256, "اليمنرتبةدع", 0.75},
	}
}

// guess is the charset body is most likely in, by what its letters are. In a
// Western text those beyond ASCII stand alone between others; that is
// windows-1252, and so is everything nothing else fits.
func guess(body []byte) encoding.Encoding {
	sample, runs := highRuns(body)
	best, score := encoding.Encoding(charmap.Windows1252), guessLeast
	if runs < 0.4 {
		return best
	}
	for _, s := range scripts() {
		if share := typicalShare(s, sample) / s.usual; share > score {
			best, score = s.charset, share
		}
	}
	return best
}

// highRuns are the parts of body beyond ASCII, each with the byte behind it, and
// the share of their bytes that stand beside another.
func highRuns(body []byte) (sample []byte, runs float64) {
	high, beside := 0, 0
	for i := 0; i < len(body) && len(sample) < guessBytes; i++ {
		if body[i] < utf8.RuneSelf {
			continue
		}
		start := i
		for i < len(body) && body[i] >= utf8.RuneSelf {
			i++
		}
		high += i - start
		if i-start > 1 {
			beside += i - start
		}
		sample = append(sample, body[start:min(i+1, start+guessBytes, len(body))]...)
		sample = append(sample, ' ')
	}
	return sample, float64(beside) / float64(max(high, 1))
}

// typicalShare is how much of sample, read in the charset of s, is typical of
// it; a character the charset has not counts against it threefold.
func typicalShare(s script, sample []byte) float64 {
	typical, all := 0, 0
	for _, r := range string(decode(s.charset, sample)) {
		switch {
		case r < utf8.RuneSelf:
			continue
		case r == utf8.RuneError:
			typical -= 3
		case strings.ContainsRune(s.typical, r):
			typical++
		}
		all++
	}
	return float64(typical) / float64(max(all, 1))
}
