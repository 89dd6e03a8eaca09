package feed

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

var (
	clock   = regexp.MustCompile(`(\d{1,2})[:h](\d{1,2})(?::(\d{1,2})(?:[.,]\d+)?)?\s*(am|pm|a\.m\.|p\.m\.)?`)
	offset  = regexp.MustCompile(`(?:gmt|utc|\s|^|z)?([+-])(\d{1,2}):?(\d{2})?\s*(?:\([^)]*\))?\s*(?:gmt|utc)?$`)
	isoDay  = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})`)
	bareDay = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})(?:t?(\d{2})(\d{2})(\d{2})?)?(z)?$`)
	dotDay  = regexp.MustCompile(`(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})`)
	eastern = regexp.MustCompile(`(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]`)
	number  = regexp.MustCompile(`\d+`)
)

// months by the beginnings of their names, where three letters or more tell
// them apart: English, German, French, Spanish, Italian, Portuguese, Dutch,
// Swedish, Polish, Czech, Hungarian, Turkish, Russian, Ukrainian, Greek.
var months = []string{
	"jan janv ene gen sty led oca янв січ ιαν",
	"feb fév fev lut úno şub фев лют φεβ",
	"mar mär maa mrz mars maart brez már мар бер μαρ μάρ",
	"apr avr abr kwi dub ápr nis апр кві απρ",
	"may mai mag mayo maj mei máj mája kvě май мая тра μαϊ μαι μάι μαΐ",
	"jun juin giu cze červen červn jún haz июн чер ιουν ιούν",
	"jul juil lug lip července červenec júl tem июл лип ιουλ ιούλ",
	"aug aoû aou ago sie srp ağu авг сер αυγ αύγ",
	"sep set wrz zář szept eyl сен вер σεπ",
	"oct okt ott out paź říj eki окт жов οκτ",
	"nov lis kas ноя лис νοε νοέ",
	"dec dez déc dic gru pro ara дек гру δεκ",
}

// zones as feeds use them; an ambiguous one reads as it does most often there.
var zones = map[string]int{
	"ut": 0, "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2, "mez": 1, "mesz": 2,
	"eet": 2, "eest": 3, "msk": 3, "msd": 4, "trt": 3, "jst": 9, "kst": 9, "hkt": 8, "sgt": 8,
	"ast": -4, "adt": -3, "est": -5, "edt": -4, "et": -5, "cst": -6, "cdt": -5, "ct": -6, "mst": -7, "mdt": -6, "mt": -7, "pst": -8, "pdt": -7, "pt": -8,
	"akst": -9, "akdt": -8, "hst": -10, "brt": -3, "art": -3, "aest": 10, "aedt": 11, "awst": 8, "nzst": 12, "nzdt": 13, "sast": 2,
}

// parseDate reads a date as feeds spell it: RFC 822 and RFC 3339, with names of
// months in fifteen languages, names of zones, or parts missing. Without a zone
// it is taken as UTC.
func parseDate(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	if len(s) < 6 || len(s) > 100 {
		return time.Time{}, false
	}
	s = strings.ToLower(strings.Map(foldSpace, s))
	if m := bareDay.FindStringSubmatch(s); m != nil {
		return civil(m[1], m[2], m[3], [3]int{atoi(m[4]), atoi(m[5]), atoi(m[6])}, 0)
	}
	s, hms := cutClock(s)
	s, east := cutZone(s)
	for _, day := range []*regexp.Regexp{isoDay, eastern} {
		if m := day.FindStringSubmatch(s); m != nil {
			return civil(m[1], m[2], m[3], hms, east)
		}
	}
	if m := dotDay.FindStringSubmatch(s); m != nil {
		return civil(m[3], m[2], m[1], hms, east)
	}
	return namedMonth(s, hms, east)
}

func foldSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return r
}

// cutClock takes the time of day out of s.
func cutClock(s string) (string, [3]int) {
	afternoon := strings.Contains(s, "오후") || strings.Contains(s, "下午")
	m := clock.FindStringSubmatchIndex(s)
	if m == nil {
		return s, [3]int{}
	}
	part := func(i int) string {
		if m[2*i] < 0 {
			return ""
		}
		return s[m[2*i]:m[2*i+1]]
	}
	hms := [3]int{atoi(part(1)), atoi(part(2)), atoi(part(3))}
	half := part(4)
	switch {
	case (strings.HasPrefix(half, "p") || afternoon) && hms[0] < 12:
		hms[0] += 12
	case strings.HasPrefix(half, "a") && hms[0] == 12:
		hms[0] = 0
	}
	return strings.TrimRight(s[:m[0]], " t,") + " " + strings.TrimSpace(s[m[1]:]), hms
}

// cutZone takes the zone out of s, and says how many seconds east it is.
func cutZone(s string) (string, int) {
	s = strings.TrimSpace(s)
	if m := offset.FindStringSubmatchIndex(s); m != nil && (m[2] == 0 || !isoDay.MatchString(s) || m[2] > 9) {
		hours, minutes := atoi(s[m[4]:m[5]]), 0
		if m[6] >= 0 {
			minutes = atoi(s[m[6]:m[7]])
		}
		east := hours*3600 + minutes*60
		if s[m[2]] == '-' {
			east = -east
		}
		return strings.TrimSpace(s[:m[2]]), east
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if hours, ok := zones[word]; ok {
			return strings.Replace(s, word, " ", 1), hours * 3600
		}
	}
	return s, 0
}

// namedMonth reads "fri, 26 feb 2010", "february 26, 2010" and their like.
func namedMonth(s string, hms [3]int, east int) (time.Time, bool) {
	month := 0
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if m := monthOf(word); m > 0 {
			month = m
		}
	}
	numbers := number.FindAllString(s, -1)
	if month == 0 || len(numbers) < 2 {
		return time.Time{}, false
	}
	day, year := numbers[0], numbers[1]
	if len(day) == 4 {
		day, year = year, day
	}
	return civil(year, strconv.Itoa(month), day, hms, east)
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

func civil(year, month, day string, hms [3]int, east int) (time.Time, bool) {
	y, m, d := atoi(year), atoi(month), atoi(day)
	switch {
	case len(year) == 2 && y < 70:
		y += 2000
	case len(year) == 2:
		y += 1900
	}
	if y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31 || hms[0] > 24 || hms[1] > 59 || hms[2] > 60 {
		return time.Time{}, false
	}
	t := time.Date(y, time.Month(m), d, hms[0], hms[1], hms[2], 0, time.UTC)
	return t.Add(-time.Duration(east) * time.Second), true
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
