package subscribers_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"digest/subscribers"

	"github.com/google/go-cmp/cmp"
)

// rows reads a list and writes each row as one line: what a test compares.
func rows(r io.Reader) []string {
	var list []string
	for row, err := range subscribers.Import(r) {
		line := fmt.Sprintf("%d %s", row.Line, row.Address.Mailbox)
		if row.Name != "" {
			line += " (" + row.Name + ")"
		}
		if row.Left {
			line += " left, " + row.Why
		}
		if row.Unconfirmed {
			line += " unconfirmed, " + row.Why
		}
		if err != nil {
			line = "error " + err.Error()
		}
		list = append(list, line)
	}
	return list
}

func TestImport(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"only a header", "email\n", nil},
		{"plain list", "a@example.com\nb@example.com\n\n  c@example.com  ", []string{"1 a@example.com", "2 b@example.com", "4 c@example.com"}},
		{"plain list with names", "Ann Lee <a@example.com>\n“b@example.com”\nmailto:c@example.com\n", []string{"1 a@example.com (Ann Lee)", "2 b@example.com", "3 c@example.com"}},
		{"CR only", "email\ra@example.com\rb@example.com\r", []string{"2 a@example.com", "3 b@example.com"}},
		{"no header, two columns", "a@example.com,Ann\nb@example.com,\n", []string{"1 a@example.com (Ann)", "2 b@example.com"}},
		{"byte order mark, quotes, CRLF", "\ufeff\"Email\",\"First name\",\"Last name\"\r\n\"a@example.com\",\"Ann\",\"Lee\"\r\n", []string{"2 a@example.com (Ann Lee)"}},
		{"semicolons", "EMAIL;LASTNAME;FIRSTNAME\na@example.com;Lee;Ann\n", []string{"2 a@example.com (Ann Lee)"}},
		{"sep= line", "sep=;\nE-Mail;Name\na@example.com;Ann, Lee\n", []string{"3 a@example.com (Ann, Lee)"}},
		{"tabs", "name\te-mail address\nAnn\ta@example.com\n", []string{"2 a@example.com (Ann)"}},
		{"UTF-16", utf16("email\tname\na@example.com\tZoë\n"), []string{"2 a@example.com (Zoë)"}},
		{"Windows-1252 name", "email,name\na@example.com,Zo\xeb\n", []string{"2 a@example.com (Zoë)"}},
		{"cell of several lines", "email,note,name\na@example.com,\"one\ntwo, \"\"three\"\"\",Ann\nb@example.com,,Bob\n", []string{"2 a@example.com (Ann)", "4 b@example.com (Bob)"}},
		{"ragged rows", "name,email\nAnn,a@example.com,x,y\nBob\n", []string{"2 a@example.com (Ann)", "error line 3: not an address we can mail: the cell is empty"}},
		{"the street is no mail", "address,email\nHigh Street 1,a@example.com\n", []string{"2 a@example.com"}},
		{"a header we do not know", "Kontakt,Ort\na@example.com,Bonn\n", []string{"2 a@example.com"}},
		{"no address at all", "one,two\nthree,four\n", []string{"error line 2: no column holds an address; name one email in the first line"}},
		{"bad lines between good ones", "email\na@example.com\nnobody\n\"b@example.com\" x\nc@example.com\n", []string{
			"2 a@example.com", "error line 3: not an address we can mail: it has no @", "error line 4: text after a closing quote", "5 c@example.com"}},
		{"a quote never closed", "email\n\"a@example.com\nb@example.com\n", []string{"error line 2: a quote is opened and not closed", "3 b@example.com"}},
		{"a formula", "email,name\n'+a@example.com,'=Ann\n", []string{"2 +a@example.com (=Ann)"}},
		{"NUL", "email\na\x00@example.com\n", []string{"error line 2: not an address we can mail: '\\x00' cannot stand before the @"}},
		{"a row too wide", "email\n" + strings.Repeat(",", 600) + "\nb@example.com\n", []string{"error line 2: more than 512 cells in one row", "3 b@example.com"}},
		{"a line too long", "email\n" + strings.Repeat("x", 300<<10) + "\nb@example.com\n", []string{"error line 2: a row of more than 64 KiB", "3 b@example.com"}},
		{"Mailchimp, those who left", "\"Email Address\",\"First Name\",UNSUB_TIME,UNSUB_REASON\na@example.com,Ann,2018-10-11 09:55:14,\n", []string{"2 a@example.com (Ann) left, UNSUB_TIME: 2018-10-11 09:55:14"}},
		{"Substack", "email,active_subscription,email_disabled\na@example.com,false,false\nb@example.com,true,true\n", []string{"2 a@example.com", "3 b@example.com left, email_disabled: true"}},
		{"Ghost", "id,email,name,subscribed_to_emails,deleted_at\n1,a@example.com,Ann,true,\n2,b@example.com,Bob,false,\n3,c@example.com,Cem,true,2020-01-01\n", []string{
			"2 a@example.com (Ann)", "3 b@example.com (Bob) left, subscribed_to_emails: false", "4 c@example.com (Cem) left, deleted_at: 2020-01-01"}},
		{"Buttondown", "email,subscriber_type,unsubscription_date\na@example.com,regular,\nb@example.com,unactivated,\nc@example.com,regular,2021-02-03\n", []string{
			"2 a@example.com", "3 b@example.com unconfirmed, subscriber_type: unactivated", "4 c@example.com left, unsubscription_date: 2021-02-03"}},
		{"Kit", "first_name,email_address,state\nAnn,a@example.com,active\nBob,b@example.com,cancelled\nCem,c@example.com,bounced\n", []string{
			"2 a@example.com (Ann)", "3 b@example.com (Bob) left, state: cancelled", "4 c@example.com (Cem) left, state: bounced"}},
		{"FeedBurner", "Email,Subscribed,Status\na@example.com,06/17/2009 09:52,Active\nb@example.com,06/17/2009 09:52,Pending Verification\n", []string{
			"2 a@example.com", "3 b@example.com unconfirmed, Status: Pending Verification"}},
		{"MailPoet", "Email,First name,Last name,List status,Global status\na@example.com,Ann,,subscribed,subscribed\nb@example.com,Bob,,subscribed,unsubscribed\nc@example.com,Cem,,unconfirmed,bounced\n", []string{
			"2 a@example.com (Ann)", "3 b@example.com (Bob) left, Global status: unsubscribed", "4 c@example.com (Cem) left, Global status: bounced"}},
		{"Brevo", "EMAIL;EMAIL_BLACKLISTED;SMS_BLACKLISTED\na@example.com;No;Yes\nb@example.com;Yes;No\n", []string{"2 a@example.com", "3 b@example.com left, EMAIL_BLACKLISTED: Yes"}},
		{"listmonk", "uuid,email,name,attributes,status\n1,a@example.com,Ann,\"{\"\"age\"\": 29}\",enabled\n2,b@example.com,Bob,{},blocklisted\n", []string{
			"2 a@example.com (Ann)", "3 b@example.com (Bob) left, status: blocklisted"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, rows(strings.NewReader(tt.in))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.want, rows(iotest.OneByteReader(strings.NewReader(tt.in)))); diff != "" {
				t.Errorf("byte by byte: %s", diff)
			}
		})
	}
}

func utf16(s string) string {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return string(b)
}

func TestImportEndsWithItsReader(t *testing.T) {
	broken := errors.New("the disk is gone")
	n := 0
	for row, err := range subscribers.Import(io.MultiReader(strings.NewReader("email\n"), iotest.ErrReader(broken))) {
		if n++; !errors.Is(err, broken) || row.Line != 1 {
			t.Errorf("line %d: %v", row.Line, err)
		}
	}
	if n != 1 {
		t.Errorf("%d rows, want the error once", n)
	}
}

func TestImportStops(t *testing.T) {
	for range subscribers.Import(strings.NewReader("a@example.com\nb@example.com\n")) {
		break
	}
}

// endless is a list of n bytes that was never in memory.
type endless struct {
	n    int
	text string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(e.text) <= len(p) {
		n += copy(p[n:], e.text)
	}
	if n == 0 {
		n = copy(p, e.text)
	}
	e.n -= n
	return n, nil
}

func TestImportIsConstantInMemory(t *testing.T) {
	for _, text := range []string{"reader@example.com,Ann\n", "\"never closed ", ",,,,,,,,", "x"} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range subscribers.Import(&endless{8 << 20, text}) {
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
			t.Errorf("%q: the heap has grown by %d MiB", text, grown>>20)
		}
	}
}

func TestExport(t *testing.T) {
	d := newDesk(t)
	names := []string{"Ann", "=1+1", "+1", "-1", "@a", "＝1", "'quoted", "a,b", "a\"b", ""}
	for i, name := range names {
		_, _, err := d.add(fmt.Sprintf("+a%d@example.com", i), subscribers.Active, func(j *subscribers.Joining) { j.Name = name })
		d.must(err)
	}
	left := d.active("b@example.com")
	d.leave(left.ID, subscribers.ReasonComplained)
	gone := d.active("c@example.com")
	d.must(subscribers.Erase(d.Context(), d.db, secret, gone.ID, d.now))
	_, _, err := d.add("d@example.com", subscribers.Pending)
	d.must(err)

	var out bytes.Buffer
	d.must(subscribers.ExportCSV(context.Background(), d.db, &out))
	table, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
	d.must(err)
	for _, record := range table {
		for _, cell := range record {
			if strings.IndexAny(cell, "=+-@\t\r＝＋－＠") == 0 {
				t.Errorf("a spreadsheet runs %q", cell)
			}
		}
	}
	if first := strings.SplitAfter(out.String(), "\r\n")[1]; first != `"'+a0@example.com","Ann","active","weekly","2026-01-05T09:00:00Z","2026-01-05T09:00:00Z",""`+"\r\n" {
		t.Errorf("the first row is %q", first)
	}
	var got []string
	for row, err := range subscribers.Import(&out) {
		d.must(err)
		switch {
		case row.Left:
			got = append(got, row.Address.Mailbox+" left")
		case row.Unconfirmed:
			got = append(got, row.Address.Mailbox+" unconfirmed")
		default:
			got = append(got, row.Name)
		}
	}
	if diff := cmp.Diff(append(names, "b@example.com left", "d@example.com unconfirmed"), got); diff != "" {
		t.Error(diff)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("email,name\na@example.com,\"Ann\n\"\"Lee\"\n"))
	f.Add([]byte("sep=;\nE-Mail;status\na@example.com;left\n"))
	f.Add([]byte("\xff\xfea\x00\n\x00"))
	f.Add([]byte("\"\r\"\n\"x\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		last, n := 0, 0
		for row, err := range subscribers.Import(bytes.NewReader(in)) {
			if n++; n > len(in) {
				t.Fatal("more rows than bytes")
			}
			if row.Line <= last {
				t.Fatalf("line %d follows line %d", row.Line, last)
			}
			last = row.Line
			if err != nil {
				continue
			}
			if again, err := subscribers.ParseAddress(row.Address.Mailbox); err != nil || again != row.Address {
				t.Errorf("%+v became %+v, %v", row.Address, again, err)
			}
			if strings.ContainsAny(row.Name+row.Why, "\r\n\x00\x1b") {
				t.Errorf("controls in %+v", row)
			}
		}
	})
}
