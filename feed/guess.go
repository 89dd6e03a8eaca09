package feed

import (
	"slices"
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
	guessKinds = 4        // different typical characters that a text must hold
)

// proof is what it takes to call a text other than Western.
type proof struct {
	pairs float64 // share of the bytes beyond ASCII that stand beside another, of charsets of two bytes
	words float64 // share of the letters that stand three or more together, of charsets of one
	bytes int     // beyond ASCII there must be
}

// proofNeeded: against a Western label it takes a long text that is hardly ever
// in Latin letters.
func proofNeeded(western bool) proof {
	if western {
		return proof{pairs: 0.9, words: 0.8, bytes: 30}
	}
	return proof{pairs: 0.4, words: 0.5}
}

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
// Western text those beyond ASCII stand alone between others, or two together;
// that is windows-1252, and so is everything nothing else fits.
func guess(body []byte, need proof) encoding.Encoding {
	sample := sampleHigh(body)
	best, score := encoding.Encoding(charmap.Windows1252), guessLeast
	if sample.bytes < need.bytes {
		return best
	}
	for _, s := range scripts() {
		_, single := s.charset.(*charmap.Charmap)
		if !sample.enough(need, single) {
			continue
		}
		if share := typicalShare(s, sample.text) / s.usual; share > score {
			best, score = s.charset, share
		}
	}
	return best
}

// highSample is what a body holds beyond ASCII.
type highSample struct {
	text    []byte // the runs, each with the byte behind it
	bytes   int    // in them
	pairs   int    // of the bytes, those that stand beside another
	letters int    // of the bytes, those that are letters in charsets of one byte
	words   int    // of the letters, those that stand three or more together
}

// sampleHigh takes of each item no more than the one in the middle has, so that
// one that is damaged does not speak for the others.
func sampleHigh(body []byte) highSample {
	items := splitItems(body)
	var lengths []int
	for _, item := range items {
		if n := countHigh(item); n > 0 {
			lengths = append(lengths, n)
		}
	}
	if len(lengths) == 0 {
		return highSample{}
	}
	slices.Sort(lengths)
	share := min(lengths[len(lengths)/2]+1, guessBytes) &^ 1 // no half of two bytes
	var s highSample
	for _, item := range items {
		if len(s.text) < 2*guessBytes {
			s.add(item, share)
		}
	}
	return s
}

func countHigh(b []byte) (n int) {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			n++
		}
	}
	return n
}

// add takes the first runs of item, of about so many bytes beyond ASCII.
func (s *highSample) add(item []byte, share int) {
	for i, taken := 0, 0; i < len(item) && taken < share; i++ {
		start, word := i, 0
		for ; i < len(item) && i < start+share && item[i] >= utf8.RuneSelf; i++ {
			if word++; item[i] < 0xC0 {
				word = 0
				continue
			}
			s.letters++
			if word == 3 {
				s.words += 2
			}
			if word >= 3 {
				s.words++
			}
		}
		if i == start {
			continue
		}
		taken += i - start
		if s.bytes += i - start; i-start > 1 {
			s.pairs += i - start
		}
		s.text = append(append(s.text, item[start:min(i+1, len(item))]...), ' ')
	}
}

// enough says whether s proves what is needed for a charset of one byte or of two.
func (s highSample) enough(need proof, single bool) bool {
	if single {
		return float64(s.words) >= need.words*float64(s.letters)
	}
	return float64(s.pairs) >= need.pairs*float64(s.bytes)
}

// typicalShare is how much of sample, read in the charset of s, is typical of
// it; a character the charset has not counts against it threefold.
func typicalShare(s script, sample []byte) float64 {
	typical, all := 0, 0
	kinds := map[rune]bool{}
	for _, r := range string(decode(s.charset, sample)) {
		switch {
		case r < utf8.RuneSelf:
			continue
		case r == utf8.RuneError:
			typical -= 3
		case strings.ContainsRune(s.typical, r):
			typical++
			kinds[r] = true
		}
		all++
	}
	if len(kinds) < guessKinds {
		return 0
	}
	return float64(typical) / float64(max(all, 1))
}
