package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// TestServer sends what no browser sends, over a real connection.
func TestServer(t *testing.T) {
	w := newWorld(t)
	server := Server(w.h)
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	go server.Serve(listener)
	defer server.Close()
	head := "GET /healthz HTTP/1.1\r\nHost: news.example.com\r\n"
	for name, c := range map[string]struct {
		raw  string
		want int
	}{
		"good":            {head + "Connection: close\r\n\r\n", 200},
		"no host":         {"GET /healthz HTTP/1.1\r\n\r\n", 400},
		"two hosts":       {head + "Host: evil.example\r\n\r\n", 400},
		"two lengths":     {head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"signed length":   {head + "Content-Length: +1\r\n\r\n", 400},
		"odd encoding":    {head + "Transfer-Encoding: xchunked\r\n\r\n", 501},
		"space in name":   {head + "X-A : b\r\n\r\n", 400},
		"bare CR":         {head + "X-A: b\rX-B: c\r\n\r\n", 400},
		"NUL":             {head + "X-A: b\x00\r\n\r\n", 400},
		"folded first":    {"GET /healthz HTTP/1.1\r\n folded\r\nHost: x\r\n\r\n", 400},
		"odd version":     {"GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n", 505},
		"no version":      {"GET /healthz\r\n\r\n", 400},
		"large header":    {head + "X-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
		"other authority": {"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200},
		"connect":         {"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n", 404},
	} {
		if got := exchange(t, listener.Addr().String(), c.raw); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func exchange(t *testing.T, address, raw string) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, raw)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var status int
	fmt.Sscanf(line, "HTTP/1.1 %d", &status)
	return status
}
