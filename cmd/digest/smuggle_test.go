package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ends are what one server or another has taken for the end of a mail beside CR LF . CR LF (CVE-2023-51764 to 51766).
var ends = map[string]string{
	"LF dot LF":         "\n.\n",
	"CR dot CR":         "\r.\r",
	"CRLF dot LF":       "\r\n.\n",
	"LF dot CRLF":       "\n.\r\n",
	"CR dot CRLF":       "\r.\r\n",
	"CRLF dot NUL CRLF": "\r\n.\x00\r\n",
	"CRLF NUL dot CRLF": "\r\n\x00.\r\n",
}

// lenient is a mail server that takes one more form for the end of a mail.
type lenient struct {
	end string

	mutex  sync.Mutex
	mails  []string // recipients
	texts  []string
	strays []string // lines that are no command
}

// TestSmuggling: a post's text holds every end of a mail there is, and behind it another mail. Servers that take one of
// them for the end get one mail a reader, and no line that is not meant.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	for what, end := range ends {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			server := &lenient{end: end}
			w := newScene(t, plot{readers: 2, feed: "feed.json", smtp: "smtp://" + server.listen(t)})
			text, err := os.ReadFile(w.path("digest.toml"))
			if err != nil {
				t.Fatal(err)
			}
			w.write("digest.toml", strings.NewReplacer(`"headline"`, `"full"`).Replace(string(text)))
			w.write("feed.json", smugglers(t))
			w.must(0, "run")
			w.must(0, "issue", "draft", "monthly", "2026-01")
			w.must(0, "issue", "approve", "1")
			e := w.must(0, "run")
			server.mutex.Lock()
			defer server.mutex.Unlock()
			slices.Sort(server.mails)
			if want := []string{"author@blog.test", reader(1), reader(2)}; !slices.Equal(server.mails, want) && !slices.Equal(server.mails, want[1:]) {
				t.Errorf("mails for %q\n%s%s", server.mails, e.stdout, e.stderr)
			}
			for _, text := range server.texts[len(server.texts)-2:] {
				if n := strings.Count(strings.ReplaceAll(text, "=\r\n", ""), "<victim@victim.test"); n < 2*len(ends) {
					t.Errorf("a mail holds %d of the forms, want them all in both parts\n%s", n, text)
				}
			}
			if len(server.strays) > 0 {
				t.Errorf("heard %.300q", server.strays)
			}
		})
	}
}

// smugglers is a feed of a post for each form, in its title, its text and its HTML.
func smugglers(t *testing.T) string {
	t.Helper()
	var items []map[string]string
	for what, end := range ends {
		payload := "text" + strings.ReplaceAll("\r\nMAIL FROM:<evil@evil.test>\r\nRCPT TO:<victim@victim.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx", "\r\n", end[:1])
		payload = "before" + end + payload[len("text"+end[:1]):] + end + "QUIT" + end + ".\n..\n.\r\n" + strings.Repeat(".", 80) + end
		items = append(items, map[string]string{
			"id": what, "url": "https://blog.test/" + fmt.Sprint(len(items)), "title": "T " + payload, "date_published": "2026-01-10T09:00:00Z",
			"content_html": "<p>" + payload + "</p><pre>" + payload + "</pre>",
		})
	}
	text, err := json.Marshal(map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "A Blog" + ends["LF dot LF"], "items": items})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLenientServersAreFooled is the test of the test: what is sent to them raw does smuggle.
func TestLenientServersAreFooled(t *testing.T) {
	for what, end := range ends {
		server := &lenient{end: end}
		conn, err := net.Dial("tcp", server.listen(t))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "EHLO x.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<r@x.test>\r\nDATA\r\nSubject: x\r\n\r\nbefore%s"+
			"MAIL FROM:<evil@evil.test>\r\nRCPT TO:<victim@victim.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n", end)
		io.Copy(io.Discard, conn)
		conn.Close()
		server.mutex.Lock()
		if want := []string{"r@x.test", "victim@victim.test"}; !slices.Equal(server.mails, want) {
			t.Errorf("%s: mails for %q, want %q", what, server.mails, want)
		}
		server.mutex.Unlock()
	}
}

func (s *lenient) listen(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return listener.Addr().String()
}

func (s *lenient) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	to := ""
	for answer := "220 lenient.test ESMTP\r\n"; ; {
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		answer = "250 2.0.0 ok\r\n"
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			answer = "250-lenient.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
		case "MAIL", "RSET", "NOOP":
		case "RCPT":
			to, _, _ = strings.Cut(strings.TrimPrefix(rest, "TO:<"), ">")
		case "DATA":
			if _, err := io.WriteString(conn, "354 go on\r\n"); err != nil {
				return
			}
			text, err := s.body(r)
			if err != nil {
				return
			}
			s.mutex.Lock()
			s.mails, s.texts = append(s.mails, to), append(s.texts, text)
			s.mutex.Unlock()
		case "QUIT":
			io.WriteString(conn, "221 2.0.0 bye\r\n")
			return
		default:
			s.mutex.Lock()
			s.strays = append(s.strays, line)
			s.mutex.Unlock()
			answer = "500 5.5.1 what?\r\n"
		}
	}
}

// body reads up to the real end of a mail, or what this server takes for it.
func (s *lenient) body(r *bufio.Reader) (string, error) {
	text := []byte("\r\n")
	for !bytes.HasSuffix(text, []byte("\r\n.\r\n")) && !bytes.HasSuffix(text, []byte(s.end)) {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		text = append(text, b)
	}
	return string(text), nil
}
