//go:build debian

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"digest/outbox"
)

// TestPostfix sends an issue through a Postfix of the test's own: STARTTLS, a
// login, and delivery into Maildirs. One reader is unknown to it: that one
// fails, the others get one copy each.
func TestPostfix(t *testing.T) {
	const known = 20
	p := newPostfix(t, known)
	w := newScene(t, plot{readers: known + 1, connections: 4, smtp: fmt.Sprintf("smtp://digest@127.0.0.1:%d", p.port), approved: true})
	w.env = append(w.env, "SSL_CERT_FILE="+p.path("ca.pem"), "DIGEST_MAIL_PASSWORD="+p.password)
	w.must(0, "run")
	p.drained()

	for n := 1; n <= known; n++ {
		mails := p.mailbox(reader(n))
		if len(mails) != 1 {
			t.Fatalf("%s has %d copies, want 1\n%s", reader(n), len(mails), p.log.String())
		}
		checkDelivered(t, reader(n), mails[0])
	}
	list, broken := w.ledger()
	if len(broken) > 0 {
		t.Error(broken)
	}
	for _, d := range list {
		want, code := outbox.Sent, 250
		if d.Address == reader(known+1) {
			want, code = outbox.Failed, 550
		}
		if d.State != want || d.Code != code {
			t.Errorf("%s: %s %d %q, want %s %d", d.Address, d.State, d.Code, d.Reply, want, code)
		}
	}
	if got := w.audit(); got[outbox.Sent] != known || got[outbox.Failed] != 1 {
		t.Errorf("audit counts %v", got)
	}
}

// TestPostfixRefusals: over TLS from the first byte, a wrong password and a
// certificate of a CA nobody knows stop the run; nothing is lost, and mended it
// goes on.
func TestPostfixRefusals(t *testing.T) {
	p := newPostfix(t, 3)
	w := newScene(t, plot{readers: 3, smtp: fmt.Sprintf("smtps://digest@127.0.0.1:%d", p.tlsPort), approved: true})
	whole := w.env
	for _, wrong := range [][]string{
		{"SSL_CERT_FILE=" + p.path("ca.pem"), "DIGEST_MAIL_PASSWORD=wrong"},
		{"SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR=/nowhere", "DIGEST_MAIL_PASSWORD=" + p.password},
	} {
		w.env = append(whole[:len(whole):len(whole)], wrong...)
		e := w.run("run")
		if e.code != 20 {
			t.Errorf("%s: exit code %d, want 20\n%s%s\n%s", wrong[0], e.code, e.stdout, e.stderr, p.log.String())
			continue
		}
		if !strings.Contains(e.stderr, "hint:") || strings.Contains(e.stderr, "wrong\n") || strings.Contains(e.stderr, p.password) {
			t.Errorf("said %q", e.stderr)
		}
		if got := w.audit(); got[outbox.Queued] != 3 {
			t.Errorf("audit counts %v", got)
		}
	}
	w.env = append(whole[:len(whole):len(whole)], "SSL_CERT_FILE="+p.path("ca.pem"), "DIGEST_MAIL_PASSWORD="+p.password)
	w.must(0, "run")
	p.drained()
	for n := 1; n <= 3; n++ {
		if mails := p.mailbox(reader(n)); len(mails) != 1 {
			t.Errorf("%s has %d copies", reader(n), len(mails))
		}
	}
}

// checkDelivered reads a mail as it came out of Postfix.
func checkDelivered(t *testing.T, to string, raw []byte) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v\n%s", to, err, raw)
	}
	if list, err := m.Header.AddressList("To"); err != nil || len(list) != 1 || list[0].Address != to {
		t.Errorf("To is %q", m.Header.Get("To"))
	}
	if got := m.Header.Get("Delivered-To"); got != to {
		t.Errorf("delivered to %s", got)
	}
	if received := m.Header.Get("Received"); !strings.Contains(received, "ESMTPSA") {
		t.Errorf("not over TLS with a login: %q", received)
	}
	if got := m.Header.Get("List-Unsubscribe"); !strings.HasPrefix(got, "<https://news.test/leave/") {
		t.Errorf("List-Unsubscribe is %q", got)
	}
	if got := m.Header.Get("List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
		t.Errorf("List-Unsubscribe-Post is %q", got)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content is %s, %v", kind, err)
	}
	var kinds []string
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || part.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("a part is %v, %v", part.Header, err)
		}
		for _, want := range []string{"A first post", "A second post", strings.Trim(m.Header.Get("List-Unsubscribe"), "<>")} {
			if !bytes.Contains(body, []byte(want)) {
				t.Errorf("%s: a part lacks %q", to, want)
			}
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		kinds = append(kinds, kind)
	}
	if got := strings.Join(kinds, " "); got != "text/plain text/html" {
		t.Errorf("the parts are %s", got)
	}
}

// postfix is a private instance: its own configuration, queue and port.
type postfix struct {
	*testing.T
	dir      string
	port     int // STARTTLS
	tlsPort  int // TLS from the first byte
	password string
	log      tape
}

const mainCF = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
myhostname = mx.readers.test
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = %[1]s/cert.pem
smtpd_tls_key_file = %[1]s/key.pem
smtpd_tls_auth_only = yes
smtpd_tls_received_header = no
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:%[2]s
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = reject_unauth_destination
virtual_mailbox_domains = readers.test
virtual_mailbox_maps = texthash:%[1]s/mailboxes
virtual_mailbox_base = %[1]s/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
`

const masterCF = `
127.0.0.1:%d inet n - n - - smtpd
127.0.0.1:%d inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
`

// newPostfix starts an instance that knows the first n readers, and stops it
// when the test ends. DIR in a setting of its own is its folder.
func newPostfix(t *testing.T, n int, settings ...string) *postfix {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("Postfix runs its parts as several users: this test needs root")
	}
	p := &postfix{T: t, dir: t.TempDir(), port: freePort(t), tlsPort: freePort(t), password: "pass word/1"}
	p.certify()
	auth := p.authServer()
	var boxes strings.Builder
	for i := range n {
		fmt.Fprintf(&boxes, "%s %d/\n", reader(i+1), i+1)
	}
	p.put("mailboxes", boxes.String())
	p.put("grey", "readers.test 450 4.7.1 Greylisted, come back later\n")
	p.put("main.cf", fmt.Sprintf(mainCF, p.dir, auth)+strings.ReplaceAll(strings.Join(settings, "\n"), "DIR", p.dir)+"\n")
	p.put("master.cf", fmt.Sprintf(masterCF, p.port, p.tlsPort))
	for _, name := range []string{"queue", "data", "mail"} {
		p.ok(os.Mkdir(p.path(name), 0o755))
	}
	// The parts run as other users; the test's folder is theirs to pass through.
	p.ok(os.Chmod(filepath.Dir(p.dir), 0o755))
	p.ok(os.Chmod(p.dir, 0o755))
	p.ok(exec.Command("chown", "postfix", p.path("data")).Run())
	p.ok(os.Chown(p.path("mail"), 65534, 65534))
	p.start()
	return p
}

func (p *postfix) start() {
	p.Helper()
	cmd := exec.Command("/usr/sbin/postfix", "-c", p.dir, "start-fg")
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	p.ok(cmd.Start())
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	p.Cleanup(func() {
		exec.Command("/usr/sbin/postfix", "-c", p.dir, "stop").Run()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
		}
	})
	p.until("its port", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
		if err == nil {
			conn.Close()
		}
		select {
		case <-ended:
			p.Fatalf("Postfix has ended\n%s", p.log.String())
		default:
		}
		return err == nil
	})
}

func (p *postfix) path(name string) string { return filepath.Join(p.dir, name) }

func (p *postfix) put(name, text string) {
	p.Helper()
	p.ok(os.WriteFile(p.path(name), []byte(text), 0o644))
}

func (p *postfix) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// until asks again and again, and gives up in a minute.
func (p *postfix) until(what string, done func() bool) {
	p.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !done(); <-tick.C {
		if time.Now().After(end) {
			p.Fatalf("a minute went by without %s\n%s", what, p.log.String())
		}
	}
}

// drained waits until no mail is in the queue: what was accepted is delivered,
// and no second copy is on its way.
func (p *postfix) drained() {
	p.Helper()
	p.until("an empty queue", func() bool {
		left := 0
		for _, name := range []string{"maildrop", "incoming", "active", "deferred"} {
			filepath.WalkDir(p.path("queue/"+name), func(_ string, e fs.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					left++
				}
				return nil
			})
		}
		return left == 0
	})
}

// mailbox reads what a reader has got.
func (p *postfix) mailbox(address string) (mails [][]byte) {
	p.Helper()
	n := strings.TrimPrefix(strings.TrimSuffix(address, "@readers.test"), "r")
	files, err := filepath.Glob(p.path("mail/" + n + "/*/*"))
	p.ok(err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		p.ok(err)
		mails = append(mails, raw)
	}
	return mails
}

// authServer answers Postfix whether a login is right, over the protocol by
// which it asks Dovecot.
func (p *postfix) authServer() (address string) {
	p.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	p.ok(err)
	p.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.authenticate(conn)
		}
	}()
	return listener.Addr().String()
}

func (p *postfix) authenticate(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00112233445566778899aabbccddeeff\nDONE\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		if fields[0] != "AUTH" {
			continue
		}
		response, _ := strings.CutPrefix(fields[len(fields)-1], "resp=")
		login, _ := base64.StdEncoding.DecodeString(response)
		if string(login) == "\x00digest\x00"+p.password {
			fmt.Fprintf(conn, "OK\t%s\tuser=digest\n", fields[1])
		} else {
			fmt.Fprintf(conn, "FAIL\t%s\tuser=digest\n", fields[1])
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
