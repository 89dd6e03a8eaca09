package bench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asSink makes the test binary the mail server, so that its CPU is not counted
// as the sender's.
const asSink = "DIGEST_BENCH_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(asSink) != "" {
		serveSink()
	}
	os.Exit(m.Run())
}

// serveSink speaks as much SMTP as a sender needs, keeps nothing, and ends with
// its standard input.
func serveSink() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
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
		go take(conn)
	}
}

func take(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 sink.test ESMTP\r\n")
	for r := bufio.NewReaderSize(conn, 64<<10); ; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		answer := "250 2.0.0 Ok\r\n"
		switch verb := strings.ToUpper(string(line[:min(4, len(line))])); verb {
		case "EHLO":
			answer = "250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
		case "DATA":
			conn.Write([]byte("354 Go on\r\n"))
			if !swallow(r) {
				return
			}
		case "QUIT":
			answer = "221 2.0.0 Bye\r\n"
		}
		if _, err := conn.Write([]byte(answer)); err != nil || answer[:3] == "221" {
			return
		}
	}
}

// swallow reads a body up to its dot. Nothing follows a dot unasked.
func swallow(r *bufio.Reader) bool {
	end := []byte("\r\n.\r\n")
	tail := make([]byte, 0, 64<<10)
	for {
		if _, err := r.Peek(1); err != nil {
			return false
		}
		chunk, _ := r.Peek(r.Buffered())
		tail = append(tail, chunk...)
		r.Discard(len(chunk))
		if bytes.HasSuffix(tail, end) {
			return true
		}
		tail = append(tail[:0], tail[max(0, len(tail)-len(end)+1):]...)
	}
}

// sink is a running mail server.
type sink struct{ name, addr string }

// sinks starts the servers to measure against, for the length of the benchmark.
func sinks(b *testing.B) []sink {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asSink+"=1", "GOMAXPROCS=2")
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
	all := []sink{{"go", strings.TrimSpace(addr)}}
	if path := tool("smtp-sink"); path != "" {
		all = append(all, postfixSink(b, path))
	}
	return all
}

func postfixSink(b *testing.B, path string) sink {
	b.Helper()
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
			return sink{"smtp-sink", addr}
		}
	}
	b.Fatal("smtp-sink does not answer")
	return sink{}
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
