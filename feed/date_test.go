package feed

import (
	"strings"
	"testing"
	"time"
)

// dateSpellings are dates as feeds, blogs and scripts write them, by the moment they
// mean.
var dateSpellings = map[string][]string{
	"2015-01-31T10:14:55Z": {
		"Sat, 31 Jan 2015 10:14:55 +0000", "Sat, 31 Jan 2015 10:14:55 GMT", "Sat, 31 Jan 2015 10:14:55 UT",
		"Sat, 31 Jan 2015 10:14:55 UTC",
		"Sat, 31 Jan 2015 10:14:55 Z", "Sat, 31 Jan 2015 10:14:55 -0000", "Sat, 31 Jan 2015 10:14:55",
		"31 Jan 2015 10:14:55 GMT",
		"Sat 31 Jan 2015 10:14:55 GMT", "Sat,31 Jan 2015 10:14:55 GMT", "Sat , 31 Jan 2015 10:14:55 GMT",
		"Saturday, 31 January 2015 10:14:55 GMT",
		"Saturday, 31-Jan-15 10:14:55 GMT", "Sat, 31-Jan-2015 10:14:55 GMT", "Sat, 31 Jan 15 10:14:55 GMT",
		"Sat, 31 Jan, 2015 10:14:55 GMT",
		"Sat, 31 Jan. 2015 10:14:55 GMT", "Sat, 31 JAN 2015 10:14:55 gmt", "sat, 31 jan 2015, 10:14:55",
		"Xyz, 31 Jan 2015 10:14:55 GMT",
		"Sat, Jan 31 2015 10:14:55 GMT", "Sat, 31st Jan 2015 10:14:55 GMT", "Sat, 31 Jan 2015 10:14:55.123 GMT",
		"\n  Sat, 31 Jan\t2015 10:14:55   GMT ",
		"Sat, 31 Jan 2015 10:14:55 XYZ", "Sat, 31 Jan 2015 10:14:55 Q", "Sat, 31 Jan 2015 10:14:55 +zz:00",
		"Sat, 31 Jan 2015 10:14:55 +9900",
		"Sat, 31 Jan 2015 11:14:55 +0100", "Sat, 31 Jan 2015 11:14:55 +01:00", "Sat, 31 Jan 2015 11:14:55 +01",
		"Sat, 31 Jan 2015 11:14:55 +1",
		"Sat, 31 Jan 2015 11:14:55 +100", "Sat, 31 Jan 2015 11:14:55+0100", "Sat, 31 Jan 2015 11:14:55 GMT+1",
		"Sat, 31 Jan 2015 11:14:55 GMT+0100",
		"Sat, 31 Jan 2015 11:14:55 GMT+01:00", "Sat, 31 Jan 2015 11:14:55 GMT + 1",
		"Sat, 31 Jan 2015 11:14:55 UTC+01:00", "Sat, 31 Jan 2015 05:14:55 UTC-0500",
		"Sat, 31 Jan 2015 11:14:55 CET", "Sat, 31 Jan 2015 11:14:55 (CET)", "Sat, 31 Jan 2015 11:14:55 +0100 (CET)",
		"Sat, 31 Jan 2015 11:14:55 MEZ",
		"Sat, 31 Jan 2015 11:14:55 MET", "Sat, 31 Jan 2015 12:14:55 EET", "Sat, 31 Jan 2015 13:14:55 MSK",
		"Sat, 31 Jan 2015 15:44:55 IST",
		"Sat, 31 Jan 2015 18:14:55 HKT", "Sat, 31 Jan 2015 19:14:55 JST", "Sat, 31 Jan 2015 19:14:55 KST",
		"Sat, 31 Jan 2015 20:14:55 AEST",
		"Sat, 31 Jan 2015 21:14:55 AEDT", "Sat, 31 Jan 2015 23:14:55 NZDT", "Sat, 31 Jan 2015 05:14:55 EST",
		"Sat, 31 Jan 2015 05:14:55 ET",
		"Sat, 31 Jan 2015 05:14:55 EST5EDT", "Sat, 31 Jan 2015 04:14:55 CST", "Sat, 31 Jan 2015 03:14:55 MST",
		"Sat, 31 Jan 2015 02:14:55 PST",
		"Sat, 31 Jan 2015 02:14:55 pt", "Sat, 31 Jan 2015 01:14:55 AKST", "Sat, 31 Jan 2015 00:14:55 HST",
		"Sat, 31 Jan 2015 06:44:55 NST",
		"Sat, 31 Jan 2015 07:14:55 BRT", "Sat, 31 Jan 2015 12:14:55 SAST", "Sat, 31 Jan 2015 10:14:55 Etc/GMT",
		"Sat, 31 Jan 2015 11:14:55 Europe/Berlin",
		"Sat, 31 Jan 2015 05:14:55 America/New_York", "Sat Jan 31 10:14:55 2015", "Sat Jan 31 11:14:55 CET 2015",
		"Sat Jan 31 11:14:55 +0100 2015",
		"Sat Jan 31 11:14:55 2015 +0100", "Sat Jan 31 2015 11:14:55 GMT+0100 (Central European Standard Time)",
		"Sat Jan 31 11:14:55 GMT+01:00 2015",
		"2015-01-31T10:14:55Z", "2015-01-31T10:14:55.5Z", "2015-01-31T10:14:55,123456Z", "2015-01-31t10:14:55z",
		"2015-01-31T11:14:55+01:00",
		"2015-01-31T11:14:55+0100", "2015-01-31T11:14:55+01", "2015-01-31T10:14:55", "2015-01-31 10:14:55",
		"2015-01-31 10:14:55.0", "2015-01-31 10:14:55.123",
		"2015-01-31 10:14:55:123", "2015-01-31 11:14:55 +0100", "2015-01-31 11:14:55 +01:00",
		"2015-01-31 11:14:55+01", "2015-01-31 10:14:55 UTC",
		"2015-01-31 10:14:55 +0000 UTC", "2015-01-31 05:14:55 EST", "2015-1-31 10:14:55", "2015-001-31T10:14:55Z",
		"2015/01/31 10:14:55", "2015.01.31 10:14:55",
		"Sat, 2015/01/31 05:14:55 EST", "2015-Jan-31 10:14:55", "20150131T101455Z", "20150131T111455+0100",
		"20150131T101455", "20150131101455", "20150131 101455",
		"20150131 10:14:55", "2015-01-31T11:14:55[Europe/Paris]", "2015-01-31T11:14:55+01:00[Europe/Paris]",
		"1422699295", "1422699295123", "1422699295.5", "@1422699295",
		"/Date(1422699295000)/", "/Date(1422699295000+0100)/", "1/31/2015 10:14:55 AM", "1/31/2015 10:14:55",
		"31/1/2015 10:14:55", "31.01.2015 10:14:55", "31-01-2015 10:14:55",
		"31.1.15 10:14:55", "10:14:55 31.01.2015", "10:14:55, 31 January 2015", "January 31, 2015 10:14:55 am",
		"Jan 31st, 2015 @ 10:14:55 a.m.", "2015-01-31 10h14m55s",
		"2015-01-31 – 10:14:55", "２０１５-０１-３１ １０：１４：５５", "٢٠١٥-٠١-٣١ ١٠:١٤:٥٥", "2015-01-31\u00a010:14:55",
		"Published: Sat, 31 Jan 2015 10:14:55 GMT",
		"2015年01月31日 19:14:55 JST", "2015年1月31日 午後7時14分55秒", "2015年1月31日(土) 19:14:55 +0900", "平成27年1月31日 19:14:55",
		"2015年1月31日 下午6:14:55", "2015-01-31 上午 10:14:55 +0000",
		"民國104年1月31日 18:14:55", "2015년 01월 31일  19:14:55", "2015-01-31 오후 7:14:55", "2015년 1월 31일 오후 7시 14분 55초",
		"오후 7:14:55 2015년 1월 31일",
		"Σαβ, 31 Ιαν 2015 12:14:55 EET", "Сб, 31 янв 2015 13:14:55 MSK", "31 января 2015, 13:14:55 МСК",
		"Sat, 31 Jän 2015 11:14:55 MEZ", "2015-január-31T11:14:55+01:00",
	},
	"2015-05-05T20:30:00Z": {
		"Tue, 05 May 2015 20:30 GMT", "Tue, 5 May 2015 20:30", "Tue, 05 May 2015 8:30 PM",
		"Tue, 05 May 2015 8:30pm GMT", "Tue, 05 May 2015 8:30 p.m. UTC", "May 5, 2015 8:30 P. M.",
		"2015-05-05T20:30Z", "2015-05-05T22:30+02:00", "5/5/2015 8:30:00 PM", "Tue, 05 May 2015 22:30:00 CEST",
		"Tue, 05 May 2015 16:30:00 EDT", "Di, 5 Mai 2015 22:30:00 MESZ",
		"Dienstag, 5. Mai 2015, 20:30 Uhr", "5. Mai 2015, 20.30 Uhr", "mar., 05 mai 2015 22:30:00 +0200",
		"mardi 5 mai 2015 à 20h30", "mar, 05 may 2015 20:30:00", "martes, 5 de mayo de 2015, 20:30",
		"martedì 5 maggio 2015 20:30", "terça-feira, 5 de maio de 2015 20:30", "dinsdag 5 mei 2015 20:30",
		"5 maj 2015 kl. 20:30", "5.5.2015 klo 20.30", "wt., 5 maja 2015 20:30",
		"út, 5. května 2015 20:30", "2015. május 5. 20:30", "5 Mayıs 2015 Salı 20:30",
		"Вт, 5 мая 2015 20:30:00 +0000", "5 травня 2015 р. 20:30", "5 май 2015 20:30",
		"Τρί, 05 Μαΐ 2015 20:30:00 GMT",
		"5 mai 2015 20:30", "2015 m. gegužės 5 d. 20:30", "5 toukokuuta 2015 20:30", "5. svibnja 2015. 20:30",
		"5 مايو 2015 20:30", "2015年5月5日 20:30 UTC", "五月 5, 2015 20:30", "5月 5, 2015 20:30",
	},
	"2015-01-05T00:00:00Z": {
		"Mon, 05 Jan 2015", "5 Jan 2015", "Jan 5, 2015", "5. Januar 2015", "2015-01-05", "2015/1/5", "2015.1.5",
		"2015. 1. 5.", "20150105", "150105", "15-01-05", "2015-005", "2015005", "15005",
		"2015-W02-1", "2015W021", "2015-W02", "5/1/2015", "05-01-2015", "05.01.2015", "5.1.15", "1/5/2015 12:00 am",
		"2015年1月5日",
		"5 janvier 2015", "5 de enero de 2015", "5 gennaio 2015", "5 janeiro 2015", "5 januari 2015",
		"5 stycznia 2015", "5. ledna 2015", "5. jan. 2015", "2015-01-05+01:00", "2015-01-05Z", "Mon, 05 Jan 15",
		"5 Jan 115", "5 Jan 2558",
	},
	"2003-12-01T00:00:00Z": {
		"2003-12", "-0312", "-03-12", "03335", "2003-335", "December 2003", "décembre 2003", "2003. december",
		"2003年12月", "12月 1, 2003",
	},
	"2003-01-01T00:00:00Z": {"2003"},
	"2015-06-05T04:00:00Z": {
		"6/5/2015 00:00:00 EDT", "06/05/15 12:00 AM EDT", "5 Jun 2015 00:00 EDT", "5. června 2015 04:00",
		"5 Haziran 2015 04:00", "5 июня 2015 04:00",
	},
	"2015-07-05T00:00:00Z": {
		"5. července 2015", "5 juillet 2015", "5 lipca 2015", "5 Temmuz 2015", "5 июля 2015", "5 Ιουλίου 2015",
		"5 srpnja 2015", "5 luglio 2015", "5 يوليو 2015",
	},
	"2015-08-05T00:00:00Z": {
		"5 août 2015", "5 août. 2015", "5 agosto 2015", "5 Ağustos 2015", "5 sierpnia 2015", "5. srpna 2015",
		"5 августа 2015", "5 серпня 2015", "5 Αυγούστου 2015", "5 elokuuta 2015",
	},
	"2015-09-05T00:00:00Z": {
		"5 Sept. 2015", "Sept 5, 2015", "5 septembre 2015", "5 set 2015", "5 Eylül 2015", "5 września 2015",
		"5. září 2015", "2015. szeptember 5.", "5 сентября 2015", "5 вересня 2015",
	},
	"2015-10-05T00:00:00Z": {
		"5 Okt 2015", "5 out 2015", "5 ottobre 2015", "5 Ekim 2015", "5 października 2015", "5. října 2015",
		"5 жовтня 2015", "5 lokakuuta 2015", "十月 5, 2015",
	},
	"2015-11-05T00:00:00Z": {
		"5 novembre 2015", "5 listopada 2015", "5. listopadu 2015", "5 Kasım 2015", "5 ноября 2015",
		"5 листопада 2015", "5 marraskuuta 2015", "十一月 5, 2015",
	},
	"2015-02-05T00:00:00Z": {
		"5 févr. 2015", "5 Şubat 2015", "5 lutego 2015", "5. února 2015", "5 лютого 2015", "5 Φεβρουαρίου 2015",
		"5 helmikuuta 2015", "5 februarie 2015",
	},
	"2015-03-05T00:00:00Z": {
		"5. März 2015", "5 mrt 2015", "5 mars 2015", "5 marca 2015", "5. března 2015", "5 Mart 2015",
		"2015. március 5.", "5 березня 2015", "5 Μαρτίου 2015", "jeu 5 mar 2015",
	},
	"2015-04-05T00:00:00Z": {
		"5 avril 2015", "5 abr 2015", "5 kwietnia 2015", "5. dubna 2015", "5 Nisan 2015", "5 апреля 2015",
		"5 квітня 2015", "5 huhtikuuta 2015",
	},
	"2015-12-05T00:00:00Z": {
		"5. Dez. 2015", "5 déc. 2015", "5 dicembre 2015", "5 grudnia 2015", "5. prosince 2015", "5 Aralık 2015",
		"5 декабря 2015", "5 грудня 2015", "5 joulukuuta 2015",
	},
	"2015-03-02T12:00:00Z": {"30 Feb 2015 12:00", "2015-02-30T12:00:00Z"},
	"2017-01-01T00:00:00Z": {
		"2016-12-31T23:59:60Z", "Sat, 31 Dec 2016 24:00:00 GMT", "2016-12-31T24:00:00Z", "2016-12-31 24:00",
	},
	"1999-12-31T23:59:59Z": {
		"Fri, 31 Dec 99 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "31 Dec 99 23:59:59 GMT", "991231 23:59:59",
	},
}

func TestDateSpellings(t *testing.T) {
	count := 0
	for want, list := range dateSpellings {
		for _, s := range list {
			count++
			if got, ok := parseDate(s); !ok || got.Truncate(time.Second).Format(time.RFC3339) != want {
				t.Errorf("%q: got %s %v, want %s", s, got.Format(time.RFC3339), ok, want)
			}
		}
	}
	if count < 150 {
		t.Errorf("only %d spellings", count)
	}
}

func TestDateRefuses(t *testing.T) {
	for _, s := range []string{
		"", " ", "soon", "yesterday", "Monday", "January", "10:14:55", "5 Jan", "013",
		"Sun, 16 zzz 2012 11:47:32 GMT", "Sun, 16 Dec zz 11:47:32 GMT", "Sun, 99 Jun 2009 12:00:00 GMT",
		"2003-12-31T25:14:55Z", "2003-12-31T10:61:55Z", "2003-12-31T10:14:61Z", "2016-12-31T24:00:01Z", "2013-xx-27",
		"2013-00-27", "2013-13-27T10:00:00Z", "2013-13-13", "2015-W54-1", "2015-367",
		"0000-00-00 00:00:00", "0000-00-00T00:00:00Z", "2015-01-32", "{{ page.date }}",
		"Jan 5 2015 " + strings.Repeat("x", maxDate),
	} {
		if got, ok := parseDate(s); ok {
			t.Errorf("%q: read as %s", s, got)
		}
	}
}

// A post without a date that can be true carries that of its first reading.
func TestUndated(t *testing.T) {
	for _, s := range []string{
		"", "soon", "0", "0001-01-01T00:00:00Z", "Mon, 01 Jan 0001 00:00:00 +0000", "1970-01-01T00:00:00Z",
		"Thu, 01 Jan 1970 00:00:00 GMT", "0000-00-00 00:00:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-99:99",
		"Wed, 30 Nov -0001 00:00:00 +0000", "-62135596800", "2099-01-01", "1.1.1",
	} {
		for name, body := range map[string]string{
			"rss":  rssItem("<title>x</title><pubDate>" + s + "</pubDate>"),
			"dc":   rssItem("<title>x</title><dc:date>" + s + "</dc:date>"),
			"atom": atomEntry("<title>x</title><published>" + s + "</published><updated>" + s + "</updated>"),
			"json": jsonFeedOf(`{"id":"1","date_published":"` + s + `"}`),
		} {
			if p := parse(t, body).Posts[0]; !p.Published.Equal(noon) || !p.Updated.Equal(noon) {
				t.Errorf("%s %q: published %s, updated %s", name, s, p.Published, p.Updated)
			}
		}
	}
}

func FuzzDate(f *testing.F) {
	for _, list := range dateSpellings {
		f.Add(list[0])
		f.Add(list[len(list)-1])
	}
	f.Add("2015年1月31日 午後7時14分55秒 Etc/GMT+5")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseDate(s)
		switch {
		case !ok && !got.IsZero():
			t.Fatalf("%q: refused, and yet %s", s, got)
		case ok && got.Location() != time.UTC:
			t.Fatalf("%q: not in UTC: %s", s, got)
		}
		if !ok || got.Year() < 1970 || got.Year() > 9998 {
			return
		}
		if again, ok := parseDate(got.Format(time.RFC1123)); !ok || !again.Equal(got.Truncate(time.Second)) {
			t.Fatalf("%q: %s is read again as %s", s, got, again)
		}
	})
}
