//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package mailer

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// asSink makes the test binary a mail server, so that its CPU is not counted as the sender's.
const asSink = "DIGEST_MAILER_SINK"

func TestMain(m *testing.M) {
	if features := os.Getenv(asSink); features != "" {
		swallow(features)
	}
	os.Exit(m.Run())
}

// swallow takes mail on one port, keeps nothing, and ends with its standard input.
func swallow(features string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				panic(err)
			}
			go swallowOne(conn, features)
		}
	}()
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

func swallowOne(conn net.Conn, features string) {
	_, _ = conn.Write([]byte("220 sink.test\r\n"))
	r, w := bufio.NewReaderSize(conn, 128<<10), bufio.NewWriter(conn)
	for inBody := false; ; {
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
		if inBody {
			if _, err := r.Peek(1); err != nil {
				return
			}
			data, _ := r.Peek(r.Buffered())
			if bytes.HasPrefix(data, []byte(".\r\n")) {
				_, _ = r.Discard(3)
				inBody = false
				_, _ = w.WriteString("250 2.0.0 Ok: queued as 0123456789\r\n")
			} else if i := bytes.Index(data, []byte("\r\n.\r\n")); i >= 0 {
				_, _ = r.Discard(i + 2)
			} else {
				_, _ = r.Discard(max(1, bytes.LastIndexByte(data, '\n')+1))
			}
			continue
		}
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return
		case bytes.HasPrefix(line, []byte("EHLO")):
			_, _ = w.WriteString("250-sink.test\r\n" + features + "250 8BITMIME\r\n")
		case bytes.HasPrefix(line, []byte("DATA")):
			inBody = true
			_, _ = w.WriteString("354 go on\r\n")
		default:
			_, _ = w.WriteString("250 2.1.0 Ok\r\n")
		}
	}
}

func startSwallow(b *testing.B, features string) Server {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asSink+"="+features)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	server, err := ParseServer("smtp://" + strings.TrimSpace(address))
	if err != nil {
		b.Fatal(err)
	}
	return server
}

// BenchmarkFlight is a session alone: mails of 33 KB in nine pieces, one connection, the server in another process. It
// also gives the CPU of this process, user and system, for each.
func BenchmarkFlight(b *testing.B) {
	l, r := benchmarkLetter()
	raw, err := l.Message(r)
	if err != nil {
		b.Fatal(err)
	}
	message, err := NewMessage(raw)
	if err != nil {
		b.Fatal(err)
	}
	body := message.pieces[0]
	for message.pieces = nil; len(body) > 0; body = body[min(len(body), 4<<10):] {
		message.pieces = append(message.pieces, body[:min(len(body), 4<<10)])
	}
	for name, features := range map[string]string{"pipelining": "250-PIPELINING\r\n", "lockstep": "250-HELP\r\n"} {
		b.Run(name, func(b *testing.B) {
			benchmarkSession(b, startSwallow(b, features), message)
		})
	}
}

func benchmarkSession(b *testing.B, server Server, message *Message) {
	session, err := server.Dial(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	next := Envelope{From: from, To: to, Message: message}
	b.ReportAllocs()
	b.SetBytes(int64(message.Size()))
	before := cpu(b)
	for b.Loop() {
		if a, err := session.Offer(b.Context(), next); err != nil || a.Class != Ready {
			b.Fatal(a, err)
		}
		if a, err := session.Dot(b.Context(), &next); err != nil || a.Class != Accepted {
			b.Fatal(a, err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/1000/float64(b.N), "cpu-µs/op")
}

// cpu is what this process has used, in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
