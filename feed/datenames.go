package feed

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// months by the beginnings of their names, long enough to tell them apart, and
// folded as foldDate folds: lower case, no accents. The inflected forms begin
// alike. Where two languages disagree the larger one stands: lip and srp are
// July and August in Polish and Czech, and Croatian writes them out.
var months = []string{
	"jan janv jaan gen ene ian led oca sau sty sij sijec янв яну ян січ сту јан ιαν يناير ינואר 一月",
	"feb fev veeb helmi fab veljac lut uno sub vas фев лют феб φεβ فبراير פברואר 二月",
	"mar maa mrt mrz mars marz maal brez bre kov ozu ozujk мар бер сак μαρ مارس מרץ 三月",
	"apr avr abr avg kwi dub huh nis bal travn travan апр кві кра απρ ابريل אפריל 四月",
	"may mai mag maj mei kve touk geg svib мая маи мај тра μαι مايو מאי 五月",
	"jun juin juuni giu cze cer cerven haz kesa bir lipanj lipnj июн юни чер јун чэр ιουν ιον يوني יוני 六月",
	"jul juil juuli lug lip cervenec cervence tem heina lie srpanj srpnj июл юли лип јул ліп ιουλ ιολ يولي יולי 七月",
	"aug aou ago agu sie srp ag elok rugp kolov авг сер жні αυγ اغسطس אוגוסט 八月",
	"sep set wrz zar szept eyl syys rugs rujan rujn сен вер сеп верас σεπ سبتمبر ספטמבר 九月",
	"oct okt ott out paz rij eki loka spa окт жов кас οκτ اكتوبر אוקטובר 十月",
	"nov lis kas noi noe marras lap studen ноя ное лис ліс νοε نوفمبر נובמבר 十一月",
	"dec dez dic des dek dets gru pro ara joul gruo prosin дек гру дец сне δεκ ديسمبر דצמבר 十二月",
}

// monthOf is the month word names, or 0. The longest beginning that fits wins:
// Czech June and July share theirs.
func monthOf(word string) int {
	best, month := 0, 0
	for i, names := range months {
		for name := range strings.FieldsSeq(names) {
			if strings.HasPrefix(word, name) && len(name) > best {
				best, month = len(name), i+1
			}
		}
	}
	return month
}

// zones east of UTC, in hours*100 + minutes. An ambiguous name reads as feeds
// mostly mean it: CST in America, IST in India, BST in Britain. The letters of
// RFC 822 stand for UTC, since they were used with either sign (RFC 5322,
// section 4.3).
var zones = map[string]int{
	"ut": 0, "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 100, "bst": 100, "cet": 100, "cest": 200, "met": 100, "mest": 200,
	"mez": 100, "mesz": 200, "mewt": 100, "eet": 200, "eest": 300, "oez": 200, "oesz": 300, "msk": 300, "msd": 400, "trt": 300,
	"мск": 300, "samt": 400, "yekt": 500, "omst": 600, "krat": 700, "irkt": 800, "yakt": 900, "vlat": 1000, "magt": 1100, "pett": 1200,
	"idt": 300, "irst": 330, "irdt": 430, "gst": 400, "azt": 400, "pkt": 500, "uzt": 500, "ist": 530, "slst": 530, "npt": 545, "bdt": 600,
	"almt": 600, "mmt": 630, "ict": 700, "wib": 700, "wita": 800, "wit": 900, "hkt": 800, "sgt": 800, "myt": 800, "pht": 800, "awst": 800,
	"jst": 900, "kst": 900, "acst": 930, "acdt": 1030, "aest": 1000, "aedt": 1100, "chst": 1000, "nzst": 1200, "nzdt": 1300, "fjt": 1200,
	"wat": 100, "cat": 200, "eat": 300, "sast": 200, "azost": -100, "cvt": -100,
	"nst": -330, "ndt": -230, "ast": -400, "adt": -300, "at": -400, "est": -500, "edt": -400, "et": -500, "cst": -600, "cdt": -500, "ct": -600,
	"mst": -700, "mdt": -600, "mt": -700, "pst": -800, "pdt": -700, "pt": -800, "akst": -900, "akdt": -800, "hst": -1000, "hast": -1000,
	"hadt": -900, "sst": -1100, "brt": -300, "brst": -200, "art": -300, "clt": -400, "clst": -300, "cot": -500, "ect": -500, "pet": -500,
	"vet": -400, "bot": -400, "uyt": -300, "pyt": -400,
}

// american are the zones whose dates in figures begin with the month.
var american = map[string]bool{
	"est": true, "edt": true, "et": true, "cst": true, "cdt": true, "ct": true, "mst": true, "mdt": true, "mt": true,
	"pst": true, "pdt": true, "pt": true, "akst": true, "akdt": true, "hst": true,
}

// eras are the years in which East Asian calendars begin to count, less one.
var eras = map[string]int{"令和": 2018, "平成": 1988, "民國": 1911, "民国": 1911}

// foldDate brings letters, digits and signs to one form each: lower case without
// accents, the digits of ASCII, a plain space, hyphen and colon.
func foldDate(s string) string {
	s = strings.ToLower(s)
	if isASCII([]byte(s)) {
		return strings.Map(foldSpace, s)
	}
	return norm.NFC.String(strings.Map(foldRune, norm.NFKD.String(s)))
}

func foldRune(r rune) rune {
	switch {
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
		return -1
	case unicode.Is(unicode.Pd, r) || r == '\u2212':
		return '-'
	case r == '\u2019' || r == '\u2018':
		return '\''
	case r >= '\u0660' && r <= '\u0669':
		return r - '\u0660' + '0'
	case r >= '\u06F0' && r <= '\u06F9':
		return r - '\u06F0' + '0'
	case r >= '\u0966' && r <= '\u096F':
		return r - '\u0966' + '0'
	}
	return foldSpace(r)
}

func foldSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return r
}
