//go:build debian

package main

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"digest/outbox"
)

// stand wants each reader's mail to stand so in the ledger, and the ledger to be whole.
func (w *scene) stand(state outbox.State, code int, readers ...int) {
	w.Helper()
	list, broken := w.ledger()
	if len(broken) > 0 {
		w.Error(broken)
	}
	w.audit()
	want := map[string]bool{}
	for _, n := range readers {
		want[reader(n)] = true
	}
	for _, d := range list {
		if want[d.Address] && (d.State != state || d.Code != code) {
			w.Errorf("%s: %s %d %q, want %s %d", d.Address, d.State, d.Code, d.Reply, state, code)
		}
	}
}

// counted is how many mails stand so; it reads beside a command at work.
func (w *scene) counted(state outbox.State) int {
	w.Helper()
	var told struct{ States map[outbox.State]int }
	w.decode(w.must(0, "audit", "--json").stdout, &told)
	return told.States[state]
}

// interrupted ends a run that goes on tomorrow.
func (w *scene) interrupted(p *process) {
	w.Helper()
	p.Process.Signal(syscall.SIGTERM)
	if e := p.end(w); e.code != exitPartly && e.code != 0 {
		w.Errorf("exit code %d\n%s%s", e.code, e.stdout, e.stderr)
	}
}

// scene is an issue that is due to readers of this Postfix.
func (p *postfix) scene(readers, connections int) *scene {
	p.Helper()
	w := newScene(p.T, plot{readers: readers, connections: connections, smtp: fmt.Sprintf("smtp://digest@127.0.0.1:%d", p.port), approved: true})
	w.env = append(w.env, "SSL_CERT_FILE="+p.path("ca.pem"), "DIGEST_MAIL_PASSWORD="+p.password)
	return w
}

// reload has Postfix read its settings again, with one more.
func (p *postfix) reload(setting string) {
	p.Helper()
	p.ok(exec.Command("/usr/sbin/postconf", "-c", p.dir, "-e", setting).Run())
	p.ok(exec.Command("/usr/sbin/postfix", "-c", p.dir, "reload").Run())
}

// one wants a mail for each of the first n readers, one copy, and says so in the ledger.
func (p *postfix) one(w *scene, n int) {
	p.Helper()
	p.drained()
	for i := 1; i <= n; i++ {
		w.stand(outbox.Sent, 250, i)
		if copies := len(p.mailbox(reader(i))); copies != 1 {
			p.Errorf("%s has %d copies\n%s", reader(i), copies, p.log.String())
		}
	}
}

// TestPostfixGreylists: a reader who is put off waits in the ledger, and gets one copy when the server takes it. One it
// does not know fails at once, and one more is let in by name.
func TestPostfixGreylists(t *testing.T) {
	t.Parallel()
	p := newPostfix(t, 3, "smtpd_recipient_restrictions = reject_unlisted_recipient, check_recipient_access texthash:DIR/grey")
	w := p.scene(4, 2)
	run := w.start("run")
	p.until("three mails put off", func() bool { return w.counted(outbox.Retry) == 3 })
	w.interrupted(run)
	w.stand(outbox.Retry, 450, 1, 2, 3)
	w.stand(outbox.Failed, 550, 4)
	p.reload("smtpd_recipient_restrictions =")
	w.at = w.at.Add(time.Hour)
	w.must(0, "run")
	p.one(w, 3)
	w.stand(outbox.Failed, 550, 4)
}

// TestPostfixSize: a mail over the announced size is not offered; it waits until the server takes it.
func TestPostfixSize(t *testing.T) {
	t.Parallel()
	p := newPostfix(t, 3, "message_size_limit = 2048")
	w := p.scene(3, 2)
	if e := w.must(exitPerson, "run"); !strings.Contains(e.stderr, "the server takes 2048") {
		t.Errorf("said %s", e.stderr)
	}
	if n := w.counted(outbox.Queued); n != 3 {
		t.Errorf("%d mails wait, want 3", n)
	}
	p.reload("message_size_limit = 10240000")
	w.must(0, "run")
	p.one(w, 3)
}

// TestPostfixCrowded: a server that allows one connection at a time turns the others away with 421. What did not go by
// then goes once it allows more, one copy each.
func TestPostfixCrowded(t *testing.T) {
	t.Parallel()
	p := newPostfix(t, 20, "smtpd_client_connection_count_limit = 1", "smtpd_client_event_limit_exceptions =")
	w := p.scene(20, 4)
	run := w.start("run")
	p.until("a connection turned away", func() bool {
		return strings.Contains(p.log.String(), "Connection concurrency limit exceeded")
	})
	w.interrupted(run)
	w.audit()
	w.at = w.at.Add(time.Hour)
	p.reload("smtpd_client_connection_count_limit = 50")
	w.must(0, "run")
	p.one(w, 20)
}

// TestPostfixPipelined: where Postfix announces PIPELINING, a mail's envelope leaves with the dot of the mail before it
// (RFC 2920 §3.1), and each gets one copy.
func TestPostfixPipelined(t *testing.T) {
	t.Parallel()
	p := newPostfix(t, 20, "smtpd_tls_security_level = none", "smtpd_sasl_auth_enable = no", "smtpd_client_restrictions =")
	var heard tape
	w := newScene(t, plot{readers: 20, smtp: "smtp://" + p.listenIn(&heard), approved: true})
	w.must(0, "run")
	p.one(w, 20)
	if n := strings.Count(heard.String(), ".\r\nMAIL FROM:"); n < 10 {
		t.Errorf("%d of 19 envelopes left with a dot", n)
	}
}

// listenIn puts a wire between the courier and Postfix. What the courier says in one go is noted in one piece, with a mark
// behind it.
func (p *postfix) listenIn(heard *tape) (address string) {
	p.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	p.ok(err)
	p.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
			if err != nil {
				client.Close()
				return
			}
			go func() {
				io.Copy(client, server)
				client.Close()
			}()
			go func() {
				defer server.Close()
				for piece := make([]byte, 1<<20); ; {
					n, err := client.Read(piece)
					if err != nil {
						return
					}
					fmt.Fprintf(heard, "%s\x00", piece[:n])
					if _, err := server.Write(piece[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}
