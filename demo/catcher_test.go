package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

func catch(t *testing.T, config CatcherConfig) *Catcher {
	t.Helper()
	if config.Now == nil {
		config.Now = func() time.Time { return now }
	}
	c, err := Catch(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func send(t *testing.T, c *Catcher, to []string, raw string) error {
	t.Helper()
	client, err := smtp.Dial(c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return client.SendMail("digest@example.com", to, strings.NewReader(raw))
}

func code(err error) int {
	var reply *smtp.SMTPError
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}

const letter = "From: digest@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_aus_dem_Garten?=\r\n\r\n.dot\r\nHello\r\n"

func TestCatcherKeepsBytes(t *testing.T) {
	c := catch(t, CatcherConfig{})
	if err := send(t, c, []string{"a@example.com", "b@example.com"}, letter); err != nil {
		t.Fatal(err)
	}
	want := []Mail{{
		N: 1, From: "digest@example.com", To: []string{"a@example.com", "b@example.com"},
		Subject: "Grüße aus dem Garten", Received: now, Raw: []byte(letter),
	}}
	if diff := cmp.Diff(want, c.Mails()); diff != "" {
		t.Errorf("mails (-want +got):\n%s", diff)
	}
}

// On one connection the recipients of one mail must not get the next one.
func TestCatcherConnectionIsReused(t *testing.T) {
	c := catch(t, CatcherConfig{})
	client, err := smtp.Dial(c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, to := range []string{"a@example.com", "b@example.com"} {
		if err := client.SendMail("digest@example.com", []string{to}, strings.NewReader(letter)); err != nil {
			t.Fatal(err)
		}
	}
	var to [][]string
	for _, m := range c.Mails() {
		to = append(to, m.To)
	}
	if diff := cmp.Diff([][]string{{"a@example.com"}, {"b@example.com"}}, to); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}

func TestCatcherManyAtOnce(t *testing.T) {
	c := catch(t, CatcherConfig{})
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := send(t, c, []string{fmt.Sprintf("r%d@example.com", i)}, letter); err != nil {
				t.Error(err)
			}
			c.Mails()
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for i, m := range c.Mails() {
		seen[m.To[0]] = true
		if m.N != i+1 {
			t.Errorf("mail %d has number %d", i+1, m.N)
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d of 20 mails caught", len(seen))
	}
}

func TestCatcherLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config CatcherConfig
		codes  []int // answers to the same mail, one after the other
	}{
		{"number", CatcherConfig{MaxMails: 2}, []int{0, 0, 452}},
		{"size", CatcherConfig{MaxBytes: 50}, []int{552}},
		{"total", CatcherConfig{MaxTotal: int64(len(letter)) + 10}, []int{0, 452}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := catch(t, tt.config)
			var codes []int
			var kept int
			for range tt.codes {
				err := send(t, c, []string{"a@example.com"}, letter)
				codes = append(codes, code(err))
				if err == nil {
					kept++
				}
			}
			if diff := cmp.Diff(tt.codes, codes); diff != "" {
				t.Errorf("replies (-want +got):\n%s", diff)
			}
			if got := len(c.Mails()); got != kept {
				t.Errorf("%d mails kept, %d accepted", got, kept)
			}
		})
	}
}

// A mail that came in while another took the last place is refused at the dot.
func TestCatcherFullAtTheDot(t *testing.T) {
	c := catch(t, CatcherConfig{MaxMails: 1})
	first, second := &session{catcher: c}, &session{catcher: c}
	for _, s := range []*session{first, second} {
		if err := s.Mail("digest@example.com", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Data(strings.NewReader(letter)); err != nil {
		t.Fatal(err)
	}
	if got := code(second.Data(strings.NewReader(letter))); got != 452 {
		t.Errorf("reply to the dot %d, want 452", got)
	}
	// The next one need not send its body to learn that.
	if got := code(second.Mail("digest@example.com", nil)); got != 452 {
		t.Errorf("reply to MAIL %d, want 452", got)
	}
}

func TestCatcherDroppedBeforeTheDot(t *testing.T) {
	c := catch(t, CatcherConfig{})
	client, err := smtp.Dial(c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Mail("digest@example.com", nil); err != nil {
		t.Fatal(err)
	}
	if err := client.Rcpt("a@example.com", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Data(); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if err := send(t, c, []string{"b@example.com"}, letter); err != nil {
		t.Fatal(err)
	}
	if got := len(c.Mails()); got != 1 {
		t.Errorf("%d mails, want only the whole one", got)
	}
	// The reader of a broken body must not be taken for its end.
	if err := (&session{catcher: c}).Data(broken{}); err == nil {
		t.Error("half a mail was accepted")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestCatcherEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Catch(ctx, CatcherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := send(t, c, []string{"a@example.com"}, letter); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-c.served
	if conn, err := net.Dial("tcp", c.Addr()); err == nil {
		conn.Close()
		t.Error("still listening after its context was done")
	}
	if err := c.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if len(c.Mails()) != 1 {
		t.Error("what was caught is gone")
	}
}

// Closing may come before the accept loop has begun, and must end it all the same.
func TestCatcherClosedAtOnce(t *testing.T) {
	for range 200 {
		c, err := Catch(t.Context(), CatcherConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCatcherLoopbackOnly(t *testing.T) {
	host, _, err := net.SplitHostPort(catch(t, CatcherConfig{}).Addr())
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("listens on %q, %v", host, err)
	}
}
