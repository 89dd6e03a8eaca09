//go:build debian

package main

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"digest/outbox"
)

// openSMTPD is a private instance in a root of its own, since its paths and users are built in. It does not announce
// PIPELINING, so every mail goes step by step.
type openSMTPD struct {
	*testing.T
	root string
	port int
	log  tape
	stop func()
}

const smtpdConf = `
table users { %s }
table grey { "@readers.test" }
table here { "127.0.0.1" }
smtp max-message-size "%s"
smtp limit max-mails %d
%s
listen on 127.0.0.1 port %d hostname mx.readers.test %s
action "in" maildir "/mail/%%{dest.user}" userbase <users>
match from any for domain "readers.test" action "in"
`

// smtpdPlot says how an instance behaves. The zero value takes everything for the readers it knows.
type smtpdPlot struct {
	readers int
	size    string // "" = 10M
	mails   int    // for one connection; 0 = 1,000
	filter  string // "phase … reject …"; "" = none
}

func newOpenSMTPD(t *testing.T, p smtpdPlot) *openSMTPD {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("OpenSMTPD runs its parts as several users in a root of its own: this test needs root")
	}
	o := &openSMTPD{T: t, root: filepath.Join(t.TempDir(), "root"), port: freePort(t)}
	o.furnish()
	o.configure(p)
	o.start()
	return o
}

// furnish makes the root: what scripts/setup has unpacked, the libraries it loads, and its users.
func (o *openSMTPD) furnish() {
	o.Helper()
	cache, err := os.UserCacheDir()
	o.ok(err)
	unpacked := filepath.Join(cache, "digest-test", "opensmtpd")
	if _, err := os.Stat(unpacked); err != nil {
		o.Fatalf("%v\nhint: scripts/setup unpacks OpenSMTPD there", err)
	}
	programs := []string{"/usr/sbin/smtpd", "/usr/sbin/smtpctl", "/usr/libexec/opensmtpd/mail.maildir"}
	for _, name := range programs {
		o.copy(filepath.Join(unpacked, name), name)
		out, err := exec.Command("ldd", filepath.Join(unpacked, name)).Output()
		o.ok(err)
		for _, library := range regexp.MustCompile(`/lib\S*`).FindAllString(string(out), -1) {
			o.copy(library, library)
		}
	}
	o.copy("/bin/dash", "/bin/sh") // runs the delivery
	out, err := exec.Command("ldd", "/bin/dash").Output()
	o.ok(err)
	for _, library := range regexp.MustCompile(`/lib\S*`).FindAllString(string(out), -1) {
		o.copy(library, library)
	}
	o.put("etc/passwd", "root:x:0:0::/:/bin/sh\nopensmtpd:x:991:991::/var/lib/opensmtpd/empty:/bin/false\nopensmtpq:x:992:992::/var/lib/opensmtpd/empty:/bin/false\n")
	o.put("etc/group", "root:x:0:\nopensmtpd:x:991:\nopensmtpq:x:992:\n")
	o.put("etc/mailname", "mx.readers.test\n")
	for _, dir := range []string{"tmp", "mail", "var/run", "var/spool", "var/lib/opensmtpd/empty"} {
		o.ok(os.MkdirAll(o.path(dir), 0o755))
	}
	o.ok(os.Chmod(o.path("tmp"), 0o1777))
	o.ok(os.Chmod(o.path("var/spool"), 0o711))
	o.ok(os.Chown(o.path("mail"), 65534, 65534))
	o.ok(os.Chown(o.path("usr/sbin/smtpctl"), 0, 992))
	o.ok(os.Chmod(o.path("usr/sbin/smtpctl"), 0o755|os.ModeSetgid))
	for dir := o.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) { // its other users pass through
		o.ok(os.Chmod(dir, 0o755))
	}
}

func (o *openSMTPD) path(name string) string { return filepath.Join(o.root, name) }

func (o *openSMTPD) ok(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *openSMTPD) put(name, text string) {
	o.Helper()
	o.ok(os.MkdirAll(filepath.Dir(o.path(name)), 0o755))
	o.ok(os.WriteFile(o.path(name), []byte(text), 0o644))
}

func (o *openSMTPD) copy(from, to string) {
	o.Helper()
	in, err := os.Open(from)
	o.ok(err)
	defer in.Close()
	o.ok(os.MkdirAll(filepath.Dir(o.path(to)), 0o755))
	out, err := os.OpenFile(o.path(to), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	o.ok(err)
	_, err = io.Copy(out, in)
	o.ok(err)
	o.ok(out.Close())
}

func (o *openSMTPD) configure(p smtpdPlot) {
	o.Helper()
	var users []string
	for n := range p.readers {
		users = append(users, fmt.Sprintf("%q = \"65534:65534:/mail\"", fmt.Sprintf("r%d", n+1)))
	}
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	filter, use := "", ""
	if p.filter != "" {
		filter, use = `filter "test" `+p.filter, `filter "test"`
	}
	mails := p.mails
	if mails == 0 {
		mails = 1000
	}
	o.put("etc/smtpd.conf", fmt.Sprintf(smtpdConf, strings.Join(users, ", "), or(p.size, "10M"), mails, filter, o.port, use))
}

func (o *openSMTPD) start() {
	o.Helper()
	cmd := exec.Command("/usr/sbin/smtpd", "-d", "-v", "-f", "/etc/smtpd.conf")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: o.root, Setpgid: true}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &o.log, &o.log
	o.ok(cmd.Start())
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	o.stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}
	o.Cleanup(func() { o.stop() })
	o.until("its port", func() bool {
		select {
		case <-ended:
			o.Fatalf("OpenSMTPD has ended\n%s", o.log.String())
		default:
		}
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// until asks again and again, and gives up in a minute.
func (o *openSMTPD) until(what string, done func() bool) {
	o.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !done(); <-tick.C {
		if time.Now().After(end) {
			o.Fatalf("a minute went by without %s\n%s", what, o.log.String())
		}
	}
}

// delivered waits until no mail is in the queue and counts the copies each reader has got.
func (o *openSMTPD) delivered() map[string]int {
	o.Helper()
	o.until("an empty queue", func() bool {
		left := 0
		filepath.WalkDir(o.path("var/spool/smtpd/queue"), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				left++
			}
			return nil
		})
		return left == 0
	})
	files, err := filepath.Glob(o.path("mail/*/new/*"))
	o.ok(err)
	copies := map[string]int{}
	for _, file := range files {
		copies[filepath.Base(filepath.Dir(filepath.Dir(file)))+"@readers.test"]++
	}
	return copies
}

// scene is an issue that is due to readers of this server.
func (o *openSMTPD) scene(readers, connections int) *scene {
	o.Helper()
	return newScene(o.T, plot{readers: readers, connections: connections, smtp: fmt.Sprintf("smtp://127.0.0.1:%d", o.port), approved: true})
}

// TestOpenSMTPD: one copy each, and a reader it does not know fails.
func TestOpenSMTPD(t *testing.T) {
	t.Parallel()
	o := newOpenSMTPD(t, smtpdPlot{readers: 20})
	w := o.scene(21, 4)
	w.sign()
	w.must(0, "run")
	copies := o.delivered()
	for n := 1; n <= 20; n++ {
		w.stand(outbox.Sent, 250, n)
		if copies[reader(n)] != 1 {
			t.Errorf("%s has %d copies\n%s", reader(n), copies[reader(n)], o.log.String())
		}
	}
	w.stand(outbox.Failed, 550, 21)
}

// TestOpenSMTPDGreylists: a reader who is put off waits in the ledger, and gets one copy when the server takes it.
func TestOpenSMTPDGreylists(t *testing.T) {
	t.Parallel()
	o := newOpenSMTPD(t, smtpdPlot{readers: 3, filter: `phase rcpt-to match rcpt-to <grey> reject "450 4.7.1 Greylisted, come back later"`})
	w := o.scene(3, 2)
	p := w.start("run")
	o.until("three mails put off", func() bool { return w.counted(outbox.Retry) == 3 })
	w.interrupted(p)
	w.stand(outbox.Retry, 450, 1, 2, 3)
	o.again(w, smtpdPlot{readers: 3})
}

// TestOpenSMTPDSize: a mail over the announced size is not offered; it waits until the server takes it.
func TestOpenSMTPDSize(t *testing.T) {
	t.Parallel()
	o := newOpenSMTPD(t, smtpdPlot{readers: 3, size: "2K"})
	w := o.scene(3, 2)
	if e := w.must(exitPerson, "run"); !strings.Contains(e.stderr, "too large for the server: the message has ") ||
		!strings.Contains(e.stderr, " bytes, the server takes 2048\nhint: `show = ") || strings.Contains(e.stderr, "refuses") {
		t.Errorf("said %s", e.stderr)
	}
	if n := w.counted(outbox.Queued); n != 3 {
		t.Errorf("%d mails wait, want 3", n)
	}
	if strings.Contains(o.log.String(), "MAIL FROM:<digest@blog.test>") {
		t.Errorf("it was offered\n%s", o.log.String())
	}
	o.again(w, smtpdPlot{readers: 3})
}

// TestOpenSMTPDBusy: a server that turns every connection away with 421 gets no mail, and loses none.
func TestOpenSMTPDBusy(t *testing.T) {
	t.Parallel()
	o := newOpenSMTPD(t, smtpdPlot{readers: 3, filter: `phase connect match src <here> disconnect "421 4.7.0 Too busy, come back later"`})
	w := o.scene(3, 2)
	p := w.start("run")
	o.until("a visit", func() bool { return strings.Count(o.log.String(), "smtp disconnected") >= 2 }) // one was for its port
	w.interrupted(p)
	if n := w.counted(outbox.Queued); n != 3 {
		t.Errorf("%d mails wait, want 3", n)
	}
	o.again(w, smtpdPlot{readers: 3})
}

// TestOpenSMTPDEnough: a server that takes two mails on a connection gets them all, one copy each.
func TestOpenSMTPDEnough(t *testing.T) {
	t.Parallel()
	o := newOpenSMTPD(t, smtpdPlot{readers: 5, mails: 2})
	w := o.scene(5, 1)
	for _, sent := range []int{2, 4} {
		p := w.start("run")
		o.until("two more mails", func() bool { return w.counted(outbox.Sent) >= sent })
		w.interrupted(p)
		w.at = w.at.Add(time.Hour)
	}
	o.again(w, smtpdPlot{readers: 5, mails: 2})
}

// again starts the server anew, an hour later: what waits arrives, one copy each.
func (o *openSMTPD) again(w *scene, p smtpdPlot) {
	o.Helper()
	o.delivered() // what it is about to deliver when it stops, it delivers twice
	o.stop()
	o.configure(p)
	o.start()
	w.at = w.at.Add(time.Hour)
	w.must(0, "run")
	copies := o.delivered()
	for n := 1; n <= p.readers; n++ {
		w.stand(outbox.Sent, 250, n)
		if copies[reader(n)] != 1 {
			o.Errorf("%s has %d copies\n%s", reader(n), copies[reader(n)], o.log.String())
		}
	}
	w.must(0, "status")
}
