package feed

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// Private says whether a [Fetcher] may reach a private network: loopback,
// RFC 1918, RFC 4193 and RFC 6598 addresses. Link-local addresses, and those
// where clouds hand out credentials, are never reached.
type Private int

// What a Fetcher may reach besides ports 80 and 443 of public addresses.
const (
	PrivateLiteral Private = iota // the host and port of the address asked for, when that is private itself
	PrivateAllowed                // every private address, on any port, whatever name or redirect leads there
	PrivateNever                  // nothing, not even what was asked for literally
)

// metadata are addresses at which clouds hand out credentials, whatever the mode
// and the port. The one they all share, 169.254.169.254, is link-local, and so
// never private here.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),      // Amazon
	netip.MustParsePrefix("fd20:ce::/32"),       // Google
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),   // Microsoft
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

func isMetadata(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func isPrivate(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if isMetadata(ip) {
		return false
	}
	return ip.IsLoopback() || ip.IsPrivate() || sharedSpace.Contains(ip)
}

// transport reaches what the Fetcher may reach for the sake of target. It knows
// no proxy: one would make the connections that the guard is there to refuse.
func (f Fetcher) transport(target *url.URL) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: guard(target, f.Private)}
	return &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 256 << 10,
	}
}

// ErrGuarded: the address, or where a name or a redirect led, is one that must
// not be reached: private, on a port that is not the web's, or a cloud's own.
var ErrGuarded = errors.New("that is no place a feed may lead to")

// guarded is check with [ErrGuarded] before what it refuses.
func guarded(check func(network, address string, c syscall.RawConn) error) func(network, address string, c syscall.RawConn) error {
	return func(network, address string, c syscall.RawConn) error {
		if err := check(network, address, c); err != nil {
			return fmt.Errorf("%w (%s): %w", ErrGuarded, address, err)
		}
		return nil
	}
}

// guard refuses connections into private networks. It looks at the address being
// dialled, behind DNS and on each redirect. Who configures a feed on a loopback
// or private address literally means it: that host and port stay reachable.
func guard(target *url.URL, private Private) func(network, address string, c syscall.RawConn) error {
	port := portOf(target)
	host := strings.ToLower(strings.TrimSuffix(target.Hostname(), "."))
	literal, err := netip.ParseAddr(host)
	isLiteral := err == nil && isPrivate(literal)
	public := ssrf.New()
	if private == PrivateAllowed || !isLiteral && host != "localhost" {
		public = ssrf.New(ssrf.WithPorts(80, 443, port))
	}
	return guarded(func(network, address string, c syscall.RawConn) error {
		dialled, err := netip.ParseAddrPort(address)
		if err == nil && isMetadata(dialled.Addr()) {
			return fmt.Errorf("%w: %s hands out credentials of a cloud", ssrf.ErrProhibitedIP, dialled.Addr())
		}
		if err != nil || private == PrivateNever {
			return public.Safe(network, address, c)
		}
		ip := dialled.Addr().Unmap()
		switch {
		case private == PrivateAllowed && isPrivate(ip):
			return nil
		case dialled.Port() != port:
		case host == "localhost" && ip.IsLoopback(), isLiteral && ip == literal.Unmap():
			return nil
		}
		return public.Safe(network, address, c)
	})
}

// portOf is the port an address names or implies; 0 = neither.
func portOf(u *url.URL) uint16 {
	switch {
	case u.Port() != "":
		port, _ := strconv.ParseUint(u.Port(), 10, 16)
		return uint16(port)
	case u.Scheme == "https":
		return 443
	case u.Scheme == "http":
		return 80
	}
	return 0
}
