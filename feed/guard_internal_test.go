package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"code.dny.dev/ssrf"
	"golang.org/x/net/dns/dnsmessage"
)

// victim counts the connections to a port of every address of this machine.
func victim(t *testing.T) (port string, connections *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	connections = &atomic.Int32{}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<rss/>") }),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		},
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, connections
}

// hostileDNS answers every question with loopback addresses, and those for
// rebind.test with a public one first and second, by turns.
func hostileDNS(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		packet := make([]byte, 1500)
		for turn := 0; ; turn++ {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if reply, err := hostileAnswer(packet[:n], turn); err == nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	was := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = was; conn.Close() })
}

func hostileAnswer(question []byte, turn int) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(question)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	header.Response = true
	m := dnsmessage.Message{Header: header, Questions: []dnsmessage.Question{q}}
	name := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
	switch q.Type {
	case dnsmessage.TypeA:
		list := [][4]byte{{127, 0, 0, 1}}
		if q.Name.String() == "rebind.test." {
			list = append(list, [4]byte{192, 0, 2, 1})
			list[0], list[turn%2] = list[turn%2], list[0]
		}
		for _, ip := range list {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: name, Body: &dnsmessage.AResource{A: ip}})
		}
	case dnsmessage.TypeAAAA:
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: name, Body: &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()}})
	}
	return m.Pack()
}

// spellings are addresses nobody may be sent to, as they can be written.
func spellings() []string {
	list := []string{
		"localhost", "LOCALHOST", "localhost.", "ｌｏｃａｌｈｏｓｔ", "rebind.test", "intern.test", "127.1", "127.0.1", "0", "0x7f.1", "017700000001",
		"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]", "[fe80::1%25lo]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[fd00:ec2::254]",
		"[fec0::1]", "[ff02::1]", "[ff05::1]", "[100::1]", "[2001:db8::1]", "[2001:10::1]", "[5f00::1]", "[3fff::1]", "100.100.100.200",
	}
	for _, text := range []string{
		"127.0.0.1", "127.9.8.7", "10.0.0.1", "169.254.169.254", "192.168.1.1", "172.31.255.255", "100.64.0.1", "0.0.0.0", "0.1.2.3",
		"192.0.0.192", "192.0.2.1", "198.19.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
	} {
		ip := netip.MustParseAddr(text).As4()
		n := uint32(ip[0])<<24 | uint32(ip[1])<<16 | uint32(ip[2])<<8 | uint32(ip[3])
		hex := fmt.Sprintf("%x:%x", n>>16, n&0xffff)
		list = append(list, text, text+".", fmt.Sprint(n), fmt.Sprintf("%#x", n), fmt.Sprintf("0%o", n),
			fmt.Sprintf("%#x.%#x.%#x.%#x", ip[0], ip[1], ip[2], ip[3]), fmt.Sprintf("0%o.0%o.0%o.0%o", ip[0], ip[1], ip[2], ip[3]),
			fmt.Sprintf("%d.%d", ip[0], n&0xffffff), fmt.Sprintf("%d.%#x.%d", ip[0], ip[1], n&0xffff), fmt.Sprintf("00%d.%d.%d.%d", ip[0], ip[1], ip[2], ip[3]),
			"[::ffff:"+text+"]", "[::ffff:"+hex+"]", "[::"+text+"]", "[::"+hex+"]", "[64:ff9b::"+hex+"]", "[64:ff9b:1::"+hex+"]", "[2002:"+hex+"::1]",
			"[2001:0:"+hex+"::1]", strings.Map(wide, text), strings.Map(circled, text), "%"+fmt.Sprintf("%x", text[0])+text[1:])
	}
	return list
}

func wide(r rune) rune {
	if r == '.' {
		return '。'
	}
	return r - '0' + '０'
}

func circled(r rune) rune {
	switch r {
	case '.':
		return r
	case '0':
		return '⓪'
	}
	return r - '1' + '①'
}

// Whoever writes the feed's address or a redirect, in whatever way: no address
// of this machine or of a private network is connected to.
func TestGuardRefusesEverySpelling(t *testing.T) {
	port, connections := victim(t)
	hostileDNS(t)
	blog := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusMovedPermanently)
	}))
	defer blog.Close()
	all := spellings()
	if len(all) < 120 {
		t.Fatalf("%d spellings", len(all))
	}
	for _, host := range all {
		address := "http://" + host + ":" + port + "/feed"
		if _, err := (Fetcher{Private: PrivateNever}).Get(t.Context(), address, "", ""); err == nil {
			t.Errorf("%s is read", address)
		}
		if _, err := fromPublic(blog, port).Get(t.Context(), "http://blog.public.test:"+port+"/?to="+url.QueryEscape(address), "", ""); err == nil {
			t.Errorf("a redirect to %s is followed", address)
		}
		if literal, err := netip.ParseAddr(strings.Trim(host, "[].")); strings.EqualFold(strings.Trim(host, "."), "localhost") || err == nil && isPrivate(literal) {
			continue // who asks for it literally means it
		}
		if _, err := (Fetcher{}).Get(t.Context(), address, "", ""); err == nil {
			t.Errorf("%s is read without allow_private", address)
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// fromPublic is a fetcher that finds a blog on a public host, at the port that
// is looked for elsewhere.
func fromPublic(blog *httptest.Server, port string) Fetcher {
	target := &url.URL{Scheme: "http", Host: "blog.public.test:" + port}
	guarded := Fetcher{}.transport(target)
	dial := guarded.DialContext
	guarded.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == target.Host {
			return net.Dial("tcp", blog.Listener.Addr().String())
		}
		return dial(ctx, network, address)
	}
	return Fetcher{Client: &http.Client{Transport: guarded}}
}

func TestGuardAllowPrivate(t *testing.T) {
	port, connections := victim(t)
	other, _ := victim(t)
	hostileDNS(t)
	intranet := Fetcher{Private: PrivateAllowed}
	for _, host := range []string{"intern.test", "127.0.0.1", "[::1]", "localhost"} {
		if _, err := intranet.Get(t.Context(), "http://"+host+":"+port+"/feed", "", ""); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if connections.Load() != 4 {
		t.Errorf("%d connections", connections.Load())
	}
	redirecting := httptest.NewServer(http.RedirectHandler("http://intern.test:"+other+"/feed", http.StatusFound))
	defer redirecting.Close()
	if _, err := intranet.Get(t.Context(), redirecting.URL, "", ""); err != nil {
		t.Errorf("a redirect within the intranet: %v", err)
	}
	for _, host := range []string{"169.254.169.254", "[fd00:ec2::254]", "[fd20:ce::254]", "100.100.100.200", "0.0.0.0", "[fe80::1%25lo]", "[64:ff9b::7f00:1]", "[::]", "224.0.0.1"} {
		if _, err := intranet.Get(t.Context(), "http://"+host+"/latest", "", ""); !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// Where clouds hand out credentials nothing leads: no mode, no port, no redirect
// (each hop is dialled anew), and no address that names it literally.
func TestGuardMetadata(t *testing.T) {
	for _, host := range []string{"168.63.129.16", "::ffff:168.63.129.16", "169.254.169.254", "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"} {
		for _, private := range []Private{PrivateLiteral, PrivateAllowed, PrivateNever} {
			for _, port := range []string{"80", "443", "32526"} {
				address := net.JoinHostPort(host, port)
				for _, target := range []string{"http://" + address, "http://blog.test:" + port} {
					u, err := url.Parse(target)
					if err != nil {
						t.Fatal(err)
					}
					network := "tcp4"
					if strings.Contains(host, ":") {
						network = "tcp6"
					}
					if err := guard(u, private)(network, address, nil); !errors.Is(err, ssrf.ErrProhibitedIP) {
						t.Errorf("%s in mode %d for %s: %v", address, private, target, err)
					}
				}
			}
		}
	}
}

func TestGuardKnowsNoProxy(t *testing.T) {
	if (Fetcher{}).transport(&url.URL{Scheme: "https", Host: "blog.test"}).Proxy != nil {
		t.Error("a proxy of the environment would be asked")
	}
}
