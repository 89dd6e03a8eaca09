package bench_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asSink makes the test binary the mail server, so that its CPU is not counted
// as the sender's. Its value is what the server can do.
const asSink = "DIGEST_BENCH_SINK"

// What the fast server can do.
const (
	pipelining = "pipelining"
	lockstep   = "lockstep"
	secured    = "tls" // from the first byte, and PIPELINING
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(asSink); kind != "" {
		serveSink(kind)
	}
	os.Exit(m.Run())
}

// serveSink speaks as much SMTP as a sender needs, keeps nothing, and ends with
// its standard input.
func serveSink(kind string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	greeting := "250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
	switch kind {
	case lockstep:
		greeting = "250-sink.test\r\n250 8BITMIME\r\n"
	case secured:
		pair, err := tls.LoadX509KeyPair(os.Getenv(certificate), os.Getenv(privateKey))
		if err != nil {
			panic(err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	fmt.Println(listener.Addr())
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go take(conn, greeting)
	}
}

var end = []byte("\r\n.\r\n")

// take answers whatever has arrived with one write.
func take(conn net.Conn, greeting string) {
	defer conn.Close()
	answer := []byte("220 sink.test ESMTP\r\n")
	buffer, filled, inBody := make([]byte, 128<<10), 0, false
	for {
		if _, err := conn.Write(answer); err != nil {
			return
		}
		for answer = answer[:0]; len(answer) == 0; {
			n, err := conn.Read(buffer[filled:])
			if err != nil {
				return
			}
			used := 0
			answer, used, inBody = respond(answer, buffer[:filled+n], inBody, greeting)
			filled = copy(buffer, buffer[used:filled+n])
		}
		if bytes.HasPrefix(answer, []byte("221")) {
			conn.Write(answer)
			return
		}
	}
}

// respond answers the commands and bodies that stand whole in data, and says
// how much of it is dealt with.
func respond(answer, data []byte, inBody bool, greeting string) ([]byte, int, bool) {
	used := 0
	for {
		if inBody {
			i := bytes.Index(data[used:], end)
			if i < 0 {
				return answer, max(used, len(data)-len(end)+1), true
			}
			used, inBody = used+i+len(end), false
			answer = append(answer, "250 2.0.0 Ok: queued as 0123456789\r\n"...)
		}
		i := bytes.IndexByte(data[used:], '\n')
		if i < 0 {
			return answer, used, false
		}
		line := data[used : used+i+1]
		used += i + 1
		switch string(bytes.ToUpper(line[:min(4, len(line))])) {
		case "EHLO":
			answer = append(answer, greeting...)
		case "DATA":
			answer = append(answer, "354 Go on\r\n"...)
			inBody, used = true, used-2 // its line end may begin the end
		case "QUIT":
			return append(answer, "221 2.0.0 Bye\r\n"...), used, false
		default:
			answer = append(answer, "250 2.1.0 Ok\r\n"...)
		}
	}
}

// sink is a running mail server.
type sink struct{ name, addr string }

// fastSink starts the fast server in a process of its own, for the length of
// the benchmark.
func fastSink(b *testing.B, kind string, env ...string) sink {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), asSink+"="+kind), env...)
	stdin, err := cmd.StdinPipe()
	check(b, err)
	stdout, err := cmd.StdoutPipe()
	check(b, err)
	check(b, cmd.Start())
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	check(b, err)
	return sink{"fast", strings.TrimSpace(addr)}
}

// postfixSink starts Postfix's smtp-sink; ok is false where it is not installed.
func postfixSink(b *testing.B) (s sink, ok bool) {
	b.Helper()
	path := tool("smtp-sink")
	if path == "" {
		return sink{}, false
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	addr := listener.Addr().String()
	listener.Close()
	args := []string{addr, "1024"}
	if os.Getuid() == 0 { // it does not run as root
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command(path, args...)
	check(b, cmd.Start())
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return sink{"smtp-sink", addr}, true
		}
	}
	b.Fatal("smtp-sink does not answer")
	return sink{}, false
}

// tool finds a program of Postfix; "" when it is not installed.
func tool(name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return ""
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
