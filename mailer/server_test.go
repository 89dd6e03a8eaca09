package mailer

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseServer(t *testing.T) {
	for raw, want := range map[string]Server{
		"smtp://smtp.example.com":                     {Host: "smtp.example.com", Port: 587},
		"smtp://smtp.example.com/":                    {Host: "smtp.example.com", Port: 587},
		"smtp://me@example.com@smtp.example.com:2587": {Host: "smtp.example.com", Port: 2587, User: "me@example.com"},
		"smtp://me%40example.com@smtp.example.com":    {Host: "smtp.example.com", Port: 587, User: "me@example.com"},
		"smtp://me%3A%2Fx@smtp.example.com":           {Host: "smtp.example.com", Port: 587, User: "me:/x"},
		"smtps://me@smtp.example.com":                 {Host: "smtp.example.com", Port: 465, User: "me", Security: ImplicitTLS},
		"SMTPS://smtp.example.com:466":                {Host: "smtp.example.com", Port: 466, Security: ImplicitTLS},
		"smtp://127.0.0.1:2525":                       {Host: "127.0.0.1", Port: 2525, Security: Loopback},
		"smtp://127.9.9.9":                            {Host: "127.9.9.9", Port: 587, Security: Loopback},
		"smtp://localhost:25":                         {Host: "localhost", Port: 25, Security: Loopback},
		"smtp://[::1]:25":                             {Host: "::1", Port: 25, Security: Loopback},
		"smtp://[::1]":                                {Host: "::1", Port: 587, Security: Loopback},
		"smtp://[2001:db8::1]:25":                     {Host: "2001:db8::1", Port: 25},
		"smtp://localhost:25?tls=required":            {Host: "localhost", Port: 25},
		"smtps://localhost":                           {Host: "localhost", Port: 465, Security: ImplicitTLS},
		"smtp://192.0.2.1":                            {Host: "192.0.2.1", Port: 587},
		"smtp://localhost.example.com":                {Host: "localhost.example.com", Port: 587},
	} {
		got, err := ParseServer(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if diff := cmp.Diff(fmt.Sprint(want.Host, want.Port, want.User, want.Security), fmt.Sprint(got.Host, got.Port, got.User, got.Security)); diff != "" {
			t.Errorf("%s: -want +got\n%s", raw, diff)
		}
	}
	for _, raw := range []string{
		"", "smtp.example.com", "http://example.com", "file:///tmp/x", "smtp://", "smtp://:25", "smtp://a b", "smtp://host:0", "smtp://host:x", "smtp://host:",
		"smtp://host:65536", "smtp://[::1", "smtp://[127.0.0.1]", "smtp://[host]", "smtp://me:password@host", "smtp://%zz@host", "smtp://a%0d@host", "smtp://@host",
		"smtp://host/path", "smtp://host?tls=insecure", "smtp://host?insecure", "smtp://2001:db8::1", "smtp://host\r\n",
	} {
		if got, err := ParseServer(raw); err == nil {
			t.Errorf("%q was read as %v", raw, got)
		} else if strings.Contains(err.Error(), "password@") {
			t.Errorf("error shows the password: %v", err)
		}
	}
}

func TestGreetingOf(t *testing.T) {
	v4 := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4711}
	for _, test := range []struct {
		host  string
		local net.Addr
		want  string
	}{
		{"mail.example.com", v4, "mail.example.com"},
		{"server", v4, "[192.0.2.7]"},
		{"server.", v4, "[192.0.2.7]"},
		{"localhost", v4, "[192.0.2.7]"},
		{"", v4, "[192.0.2.7]"},
		{"my server.example.com", v4, "[192.0.2.7]"},
		{"", &net.TCPAddr{IP: net.ParseIP("::1")}, "[IPv6:::1]"},
		{"", &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "[IPv6:fe80::1]"},
		{"", &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.7")}, "[192.0.2.7]"},
		{"", &net.UnixAddr{}, "localhost"},
		{"", nil, "localhost"},
	} {
		if got := greetingOf(test.host, test.local); got != test.want {
			t.Errorf("%q at %v: %s, want %s", test.host, test.local, got, test.want)
		}
	}
}

// A machine without a full name greets with the address it comes from, before TLS and under it; a configured name counts.
func TestGreeting(t *testing.T) {
	host, _ := os.Hostname()
	want := greetingOf(host, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	for configured, want := range map[string]string{"": want, "server": "server", "mail.example.com": "mail.example.com"} {
		p := play(t, "S: 220 hi\nC: EHLO "+want+"\nS: 250 here\n")
		p.server.Name = configured
		if s, err := p.server.Dial(t.Context()); err != nil {
			t.Error(err)
		} else {
			s.Close()
		}
	}
}

func TestSecretHides(t *testing.T) {
	s := Server{Host: "smtp.example.com", User: "me", Password: "canary"}
	var text strings.Builder
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "t", "08.3f", "c", "U"} {
		fmt.Fprintf(&text, "%"+verb+" %"+verb+" ", s, s.Password)
		fmt.Fprintf(&text, "%"+verb+" ", &s)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(handler).Info("dialling", "server", s, "password", s.Password)
	}
	encoded, err := json.Marshal(map[string]any{"password": s.Password, "all": struct{ Password Secret }{s.Password}})
	if err != nil {
		t.Fatal(err)
	}
	text.Write(encoded)
	fmt.Fprint(&text, s, s.String(), fmt.Errorf("%v", s))
	for _, canary := range []string{"canary", "63616e617279", "63616E617279", "99 97 110"} {
		if strings.Contains(text.String(), canary) {
			t.Errorf("%s shows in:\n%s", canary, text.String())
		}
	}
}
