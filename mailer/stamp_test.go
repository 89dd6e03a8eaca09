package mailer

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"sync"
	"testing"
	"time"

	"digest/templates"
)

// Wherever in its line a value begins and whatever it is, the line is broken as the plain encoder breaks it.
func TestQuotedAtEveryColumn(t *testing.T) {
	values := []string{"", "a", "ab", ".", "..", "=", " ", "\t", " \t", "a ", " a", "Ä", "ÄÄ", "=.", " .", strings.Repeat("v", 73), strings.Repeat("v", 150), strings.Repeat(" ", 76), strings.Repeat("=", 26)}
	afters := []string{"", " ", "\t", ".", "=", "Ä", "a", "\n", " \n", "\t\n.", "=\n", "\n.\n", "\n..", ".\n", "a\n b \n", "ab ", strings.Repeat("w", 76) + "\n", strings.Repeat(".", 160)}
	for col := range 80 {
		for _, before := range []string{strings.Repeat("x", col), strings.Repeat("x", max(col-1, 0)) + " ", "\n" + strings.Repeat(".", col)} {
			for _, value := range values {
				for _, after := range afters {
					for _, text := range []string{before + "%%name" + after, before + "%%name%%since" + after + "%%name"} {
						checkQuoted(t, text, value)
					}
				}
			}
		}
	}
}

func checkQuoted(t *testing.T, text, value string) {
	t.Helper()
	c := cutAt(text, "%%")
	values := [len(slots)]string{1: value}
	filled, err := c.fill(&values, "%%")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	w := quotedprintable.NewWriter(&want)
	w.Write([]byte(filled))
	w.Close()
	made := c.part()
	p := press{room: []byte("before\r\n"), from: len("before\r\n")}
	if _, err := p.part(&made, &values, new([len(slots)]bool)); err != nil {
		t.Fatal(err)
	}
	p.flush()
	if got := bytes.Join(p.pieces, nil); !bytes.Equal(got, stuff(nil, want.Bytes())) {
		t.Fatalf("%q with %q:\ngot  %q\nwant %q", text, value, got, stuff(nil, want.Bytes()))
	}
}

// Many goroutines fill one stencil, each in its own room.
func TestStencilShared(t *testing.T) {
	l := issueLetter(t, 3)
	s, err := l.Stencil()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			var m Message
			for k := range 50 {
				r := sampleReader()
				r.Name = strings.Repeat("n", (i*50+k)%97)
				want, err := l.plain(r)
				if err != nil || s.Fill(&m, r) != nil || !bytes.Equal(m.Bytes(), want) {
					t.Errorf("%v, or another's message", err)
				}
			}
		})
	}
	all.Wait()
}

// What could not be filled holds nothing of the reader before.
func TestFillFails(t *testing.T) {
	s, err := sampleLetter().Stencil()
	if err != nil {
		t.Fatal(err)
	}
	var m Message
	if err := s.Fill(&m, sampleReader()); err != nil {
		t.Fatal(err)
	}
	bad := sampleReader()
	bad.Leave = "https://example.com/\r\nBcc: x@example.com"
	if err := s.Fill(&m, bad); err == nil || m.Size() != 0 || len(m.Bytes()) != 0 {
		t.Errorf("%v, and left:\n%s", err, m.Bytes())
	}
	if err := s.Fill(&m, sampleReader()); err != nil || m.Size() == 0 {
		t.Errorf("%v, %d bytes", err, m.Size())
	}
}

// issueLetter is an issue as newsletter makes it.
func issueLetter(t testing.TB, posts int) Letter {
	t.Helper()
	e := templates.Sample(time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC), posts)
	m, err := templates.Render("letter", e)
	if err != nil {
		t.Fatal(err)
	}
	l := sampleLetter()
	l.Subject, l.HTML, l.Text, l.Mark = m.Subject, m.HTML, m.Text, e.Mark
	return l
}

func BenchmarkFill(b *testing.B) {
	s, err := issueLetter(b, 18).Stencil()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"", "Ann Example", "Jürgen Größe"} {
		b.Run(fmt.Sprintf("name=%s", name), func(b *testing.B) {
			r := sampleReader()
			r.Name, r.Preferences, r.LeaveMail = name, strings.Replace(r.Leave, "leave", "preferences", 1), ""
			var m Message
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Fill(&m, r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(m.pieces)), "pieces")
			b.ReportMetric(float64(m.Size()), "bytes")
		})
	}
}
