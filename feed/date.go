package feed

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const maxDate = 120 // bytes of a date; what is longer is a text

var (
	stamp = regexp.MustCompile(`^(?:/?date\(|@)?(\d{9,10}|\d{13}|\d{16})(?:\.\d+)?(?:[+-]\d{4})?(?:\)/?)?$`)

	forenoon  = regexp.MustCompile(`(?:^|[^a-z])(a\.?\s?m\b\.?)|오전|上午|午前|凌晨|π\.?μ\.?`)
	afternoon = regexp.MustCompile(`(?:^|[^a-z])(p\.?\s?m\b\.?)|오후|下午|午後|晚上|μ\.?μ\.?`)
	bareHour  = regexp.MustCompile(`(?:^|[^\d:.])\d{1,2}\s*$`)

	clocks = []*regexp.Regexp{
		regexp.MustCompile(`(?:^|[^\d+-])(\d{1,2})\s?:\s?(\d{1,2})(?:\s?:\s?(\d{1,2})(?:[.,:]\d+)?)?`),
		regexp.MustCompile(`(\d{1,2})\s?[時时點点시]\s?(?:(\d{1,2})\s?[分분]\s?(?:(\d{1,2})\s?[秒초])?)?`),
		regexp.MustCompile(`(\d{1,2})\s?h\s?(?:(\d{2})\s?(?:m(?:in)?\s?(?:(\d{2})\s?s)?)?)?\b`),
		regexp.MustCompile(`(\d{1,2})(?:\.(\d{2}))?()\s?uhr`),
		regexp.MustCompile(`\dt(\d{2})(\d{2})?(\d{2})?(?:[.,]\d+)?(?:[z+-]|\s|$)`),
		regexp.MustCompile(`\d.*\s(\d{1,2})\.(\d{2})(?:\.(\d{2}))?\s*$`),
	}

	offset = regexp.MustCompile(`(?:(?:^|[\s(])([+-])|(?:gmt|utc|ut|z)\s?([+-])\s?)(\d{1,2}):?(\d{2})?(?:[^\d./:-]|$)`)
	region = regexp.MustCompile(`[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?(?:[+-]\d{1,2})?`)

	inKorean   = regexp.MustCompile(`오전|오후|\d\s?[년월일시]`)
	inJapanese = regexp.MustCompile(`午前|午後|曜|令和|平成`)
	inChinese  = regexp.MustCompile(`上午|下午|凌晨|晚上|星期|週|周|民[國国]`)

	eastern   = regexp.MustCompile(`(?:(\pL\pL)\s?)?(\d{1,4}|元)\s?[年년]\s?(\d{1,2})\s?[月월](?:\s?(\d{1,2})\s?[日일号號])?`)
	easternUS = regexp.MustCompile(`(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]?,?\s?(\d{4})`)
	yearFirst = regexp.MustCompile(`(?:^|\D)(\d{4})\s?[-/.]\s?0?(\d{1,2})\s?[-/.]\s?(\d{1,2})(?:\D|$)`)
	yearLast  = regexp.MustCompile(`(?:^|\D)(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?[-/.]\s?(\d{4}|\d{2})(?:\D|$)`)
	ordinal   = regexp.MustCompile(`^(\d{4}|\d{2})-?(\d{3})$`)
	week      = regexp.MustCompile(`^(\d{4})-?w(\d{2})(?:-?([1-7]))?$`)
	packed    = regexp.MustCompile(`^(\d{4}|\d{2})(\d{2})(\d{2})(?:\s?(\d{2})(\d{2})(\d{2})?)?$`)
	yearMonth = regexp.MustCompile(`^(\d{4})(?:[-/.](\d{1,2}))?$|^-(\d{2})-?(\d{2})$`)
	number    = regexp.MustCompile(`\d+`)
)

// parseDate reads a date as feeds spell it: RFC 822, RFC 3339, ISO 8601, the
// forms of asctime, databases and scripts, seconds since 1970, and dates in the
// words of some thirty languages, with parts missing. What it goes by:
//
//   - Without a zone, or with one nobody knows, a time is UTC; but words that
//     only Korea, Japan or China puts into a date mean that country's time.
//   - 5/1/2015 is the fifth of January, as in most of the world, unless "am" or
//     "pm" or a zone of the United States stands with it, or it would be no date.
//   - 30 February is a slip of a day or two and rolls into March, which is nearer
//     the truth than the day of reading. 25:00, 10:61 and 99 June are refused.
func parseDate(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 GMT"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	if s == "" || len(s) > maxDate {
		return time.Time{}, false
	}
	folded := foldDate(s)
	if m := stamp.FindStringSubmatch(folded); m != nil {
		return unixTime(m[1]), true
	}
	d := dateText{rest: folded, zone: home(folded)}
	d.cutHalf()
	d.cutClock()
	d.cutZone(s)
	d.rest = strings.Trim(d.rest, " ,;t")
	if !d.figures() && !d.words() && !d.short() {
		return time.Time{}, false
	}
	return d.time()
}

// unixTime reads seconds, milliseconds or microseconds since 1970.
func unixTime(digits string) time.Time {
	n, _ := strconv.ParseInt(digits, 10, 64)
	switch len(digits) {
	case 13:
		return time.UnixMilli(n).UTC()
	case 16:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}

// home is the zone of a date that names none.
func home(folded string) *time.Location {
	switch {
	case inKorean.MatchString(folded):
		return time.FixedZone("", 9*3600)
	case inJapanese.MatchString(folded):
		return time.FixedZone("", 9*3600)
	case inChinese.MatchString(folded):
		return time.FixedZone("", 8*3600)
	}
	return time.UTC
}

// dateText is a date half read: what is understood is taken out of rest.
type dateText struct {
	rest       string // folded, see foldDate
	after      int    // where in rest the clock stood; its end if there is none
	zone       *time.Location
	monthFirst bool // figures are written as in the United States
	late       *bool
	year       int
	month, day int
	clock      [3]int
}

// cutHalf takes the words for the half of the day out; "3 pm" becomes "3:00".
func (d *dateText) cutHalf() {
	for i, half := range []*regexp.Regexp{forenoon, afternoon} {
		m := half.FindStringSubmatchIndex(d.rest)
		if m == nil {
			continue
		}
		late := i == 1
		d.late = &late
		from, to := m[0], m[1]
		if m[2] >= 0 {
			from, to, d.monthFirst = m[2], m[3], true
		}
		blank := " "
		if bareHour.MatchString(d.rest[:from]) {
			blank = ":00 "
		}
		d.rest = d.rest[:from] + blank + d.rest[to:]
		return
	}
}

// cutClock takes the time of day out.
func (d *dateText) cutClock() {
	d.after = len(d.rest)
	for _, clock := range clocks {
		m := clock.FindStringSubmatchIndex(d.rest)
		if m == nil {
			continue
		}
		for i := range d.clock {
			if from := m[2*i+2]; from >= 0 {
				d.clock[i] = atoi(d.rest[from:m[2*i+3]])
			}
		}
		end := m[1]
		if strings.ContainsRune("z+-", rune(d.rest[end-1])) {
			end-- // it belongs to the zone
		}
		d.after = m[2]
		d.rest = d.rest[:d.after] + " " + d.rest[end:]
		break
	}
	switch hour := &d.clock[0]; {
	case d.late == nil:
	case *d.late && *hour < 12:
		*hour += 12
	case !*d.late && *hour == 12:
		*hour = 0
	}
}

// cutZone takes the zone out, which stands somewhere behind the clock. original
// is the text before it was folded: names of regions need their capitals.
func (d *dateText) cutZone(original string) {
	before, behind := d.rest[:d.after], d.rest[d.after:]
	if m := offset.FindStringSubmatchIndex(behind); m != nil {
		sign := max(m[2], m[4])
		hours, minutes, end := atoi(behind[m[6]:m[7]]), 0, m[7]
		if m[8] >= 0 {
			minutes, end = atoi(behind[m[8]:m[9]]), m[9]
		}
		if d.rest = before + behind[:sign] + " " + behind[end:]; hours < 16 && minutes < 60 {
			d.setZone(behind[sign] == '-', hours, minutes)
		}
		return
	}
	if name := region.FindString(original); name != "" {
		if zone, err := time.LoadLocation(name); err == nil {
			d.zone = zone
			d.rest = strings.Replace(d.rest, strings.ToLower(name), " ", 1)
			return
		}
	}
	for word := range strings.FieldsFuncSeq(behind, notLetter) {
		if east, ok := zones[word]; ok {
			d.setZone(east < 0, max(east, -east)/100, max(east, -east)%100)
			d.monthFirst = d.monthFirst || american[word]
			d.rest = before + strings.Replace(behind, word, " ", 1)
			return
		}
	}
}

func (d *dateText) setZone(west bool, hours, minutes int) {
	seconds := hours*3600 + minutes*60
	if west {
		seconds = -seconds
	}
	d.zone = time.FixedZone("", seconds)
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// figures reads a day written in figures, in an order that its signs tell.
func (d *dateText) figures() bool {
	if m := eastern.FindStringSubmatch(d.rest); m != nil {
		d.set(strings.Replace(m[2], "元", "1", 1), m[3], m[4])
		if start, ok := eras[m[1]]; ok {
			d.year = start + atoi(strings.Replace(m[2], "元", "1", 1))
		}
		return true
	}
	if m := easternUS.FindStringSubmatch(d.rest); m != nil {
		return d.set(m[3], m[1], m[2])
	}
	if m := yearFirst.FindStringSubmatch(d.rest); m != nil {
		if atoi(m[2]) > 12 {
			m[2], m[3] = m[3], m[2]
		}
		return d.set(m[1], m[2], m[3])
	}
	m := yearLast.FindStringSubmatch(d.rest)
	if m == nil {
		return false
	}
	first, sign, second, last := m[1], m[2], m[3], m[4]
	switch {
	case sign == "-" && len(first) == 2 && len(last) == 2 && atoi(second) <= 12 && atoi(last) <= 31:
		return d.set(first, second, last) // ISO 8601 without the century
	case atoi(second) > 12 || d.monthFirst && sign != "." && atoi(first) <= 12:
		return d.set(last, first, second)
	}
	return d.set(last, second, first)
}

// words reads a day whose month is named: "fri, 26 feb 2010", "february 26th,
// 2010", "2010-feb-26". A name behind the last number is somebody's.
func (d *dateText) words() bool {
	numbers := number.FindAllStringIndex(d.rest, -1)
	if len(numbers) == 0 || len(numbers) > 4 {
		return false
	}
	last := numbers[len(numbers)-1]
	month, at := 0, 0
	for word := range strings.FieldsFuncSeq(d.rest, notLetter) {
		at += strings.Index(d.rest[at:], word)
		if m := monthOf(word); m > 0 && (month == 0 || at < last[0]) {
			month = m
		}
		at += len(word)
	}
	if month == 0 {
		return false
	}
	day, year := "", ""
	for _, n := range numbers {
		switch digits := d.rest[n[0]:n[1]]; {
		case year == "" && (len(digits) > 2 || day != "" || atoi(digits) > 31):
			year = digits
		case day == "":
			day = digits
		}
	}
	return year != "" && len(year) <= 4 && d.set(year, strconv.Itoa(month), day)
}

// short reads what is nothing but digits: ISO 8601 in its basic and its reduced
// forms, with ordinal days and weeks.
func (d *dateText) short() bool {
	if m := packed.FindStringSubmatch(d.rest); m != nil {
		if m[4] != "" {
			d.clock = [3]int{atoi(m[4]), atoi(m[5]), atoi(m[6])}
		}
		return d.set(m[1], m[2], m[3])
	}
	if m := ordinal.FindStringSubmatch(d.rest); m != nil {
		d.set(m[1], "1", "1")
		d.day = atoi(m[2])
		return d.day >= 1 && d.day <= 366
	}
	if m := week.FindStringSubmatch(d.rest); m != nil {
		d.set(m[1], "1", "4") // the week with the fourth of January is the first
		monday := 4 - (int(time.Date(d.year, 1, 4, 0, 0, 0, 0, time.UTC).Weekday())+6)%7
		d.day = monday + 7*(atoi(m[2])-1) + max(atoi(m[3]), 1) - 1
		return atoi(m[2]) >= 1 && atoi(m[2]) <= 53
	}
	if m := yearMonth.FindStringSubmatch(d.rest); m != nil {
		return d.set(m[1]+m[3], m[2]+m[4], "")
	}
	return false
}

// set says which day it is; a month or day that is missing is the first. Years
// of two digits end in 2069, those of three count from 1900 (RFC 5322, section
// 4.3), and Thailand is 543 years ahead.
func (d *dateText) set(year, month, day string) bool {
	d.year, d.month, d.day = atoi(year), 1, 1
	switch {
	case len(year) == 2 && d.year < 70:
		d.year += 2000
	case len(year) == 2 || len(year) == 3:
		d.year += 1900
	case d.year > 2500 && d.year < 2600:
		d.year -= 543
	}
	if month != "" {
		d.month = atoi(month)
	}
	if day != "" {
		d.day = atoi(day)
	}
	return d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= 31
}

func (d *dateText) time() (time.Time, bool) {
	hour, minute, second := d.clock[0], d.clock[1], d.clock[2]
	if hour > 24 || hour == 24 && minute+second > 0 || minute > 59 || second > 60 || d.year < 1 || d.year > 9999 {
		return time.Time{}, false
	}
	return time.Date(d.year, time.Month(d.month), d.day, hour, minute, second, 0, d.zone).UTC(), true
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
