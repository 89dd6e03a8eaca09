package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"

	"digest/feed"
	"digest/newsletter"
)

// reader is a newsletter that can only read feeds: no config, no database.
func (d *door) reader() *newsletter.Newsletter {
	n := &newsletter.Newsletter{Log: d.logger()}
	d.equip(n)
	return n
}

// readFeed reads a feed that was named on the command line. An address that
// lacks its scheme is asked by https, and by http where that gives no answer.
func (d *door) readFeed(ctx context.Context, address string) (source, error) {
	if !isSite(address) || strings.Contains(address, ":/") {
		return d.readNamed(ctx, address)
	}
	from, err := d.readNamed(ctx, "https://"+address)
	if fetch := (*url.Error)(nil); errors.As(err, &fetch) && ctx.Err() == nil {
		if from, plain := d.readNamed(ctx, "http://"+address); plain == nil {
			return from, nil
		} else if errors.As(plain, &fetch) {
			err = plain
		}
	}
	return from, err
}

func (d *door) readNamed(ctx context.Context, address string) (source, error) {
	if err := checkSource(address); err != nil {
		return source{}, err
	}
	from := source{address: feedAddress(address)}
	var answer feed.Answer
	var err error
	from.doc, answer, err = d.reader().Read(ctx, from.address, feed.Feed{}, d.now())
	if errors.Is(err, feed.ErrNotFeed) {
		err = pageError(err, answer)
	}
	return from, err
}

// pageError adds what feeds a page names that stands where a feed should.
func pageError(err error, a feed.Answer) error {
	base, bad := url.Parse(cmp.Or(os.Getenv("FEED_URL"), a.URL))
	if bad != nil {
		return err
	}
	var named []string
	for _, c := range feed.Candidates(a.Body, a.ContentType, base, http.Header{"Link": a.Links}) {
		if (c.How == feed.HowLink || c.How == feed.HowHeader) && len(named) < 3 {
			named = append(named, printable(c.URL))
		}
	}
	switch len(named) {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%w; the page names a feed: %s", err, named[0])
	}
	return fmt.Errorf("%w; the page names feeds: %s", err, strings.Join(named, ", "))
}

var (
	localForm = regexp.MustCompile(`^(?i:localhost|[0-9]+(?:\.[0-9]+){3}|\[[0-9a-f:.]+\])(:[0-9]+)?(/|$)`)
	hostForm  = regexp.MustCompile(`^([A-Za-z0-9-]+\.)+[A-Za-z]{2,}(:[0-9]+)?(/|$)`)
	fileForm  = regexp.MustCompile(`(?i)^[^/]*\.(xml|rss|atom|rdf|json|html?|txt)$`)
)

// checkSource finds what is no source of posts before it is opened.
func checkSource(address string) error {
	scheme, path, isURL := strings.Cut(address, "://")
	switch strings.ToLower(scheme) {
	case "http", "https":
		if u, err := url.Parse(address); isURL && (err != nil || u.Hostname() == "") {
			return wrong("write it like https://blog.example.com/feed/", fmt.Errorf("%s is no address", shown(address)))
		}
	case "file":
	default:
		if isURL {
			return wrong("give an http:// or https:// address, or a file", fmt.Errorf("a feed can't be read from %s", shown(address)))
		}
		path = address
	}
	if isURL && strings.ToLower(scheme) != "file" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return wrong("name the feed's file in it", fmt.Errorf("%s is a folder", address))
	case !errors.Is(err, fs.ErrNotExist):
		return nil // what else may be wrong with it, reading it tells
	}
	return wrong("check the path, or give an address that begins with https://", fmt.Errorf("there is no such file: %s", address))
}

// requestNoise is what the HTTP library puts before the cause.
var requestNoise = regexp.MustCompile(`\b[A-Z][a-z]+ "[^"]*": `)

// sentenceOf tells why a feed could not be read without the words of the HTTP
// library, and without a password.
func sentenceOf(err error) string {
	var fetch *url.Error
	if !errors.As(err, &fetch) {
		return shown(err.Error())
	}
	var host *net.DNSError
	why := fetch.Err.Error()
	switch {
	case errors.As(err, &host) && host.IsNotFound:
		why = "there is no host " + host.Name
	case errors.As(err, &host):
		why = "the address of " + host.Name + " can't be looked up"
	case errors.Is(err, feed.ErrGuarded):
		why = feed.ErrGuarded.Error()
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Addr != nil {
			why = "it leads to " + dial.Addr.String() + ", and " + why
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "nothing answers there"
	case fetch.Timeout():
		why = "it did not answer in time"
	}
	return "the feed " + shown(fetch.URL) + " can't be read: " + why
}

// adviceOn is the hint that belongs to it.
func adviceOn(err *url.Error) string {
	var host *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &host) && host.IsNotFound:
		return "check how the host is spelled"
	case errors.Is(err, feed.ErrGuarded):
		return "if that is your own network, give its own address, or set allow_private = true in that [[feed]]"
	case errors.As(err, &certificate):
		return "the site's certificate is not valid for that name; its owner, or this machine's clock, has to be put right"
	}
	return "check the address, and whether this machine reaches it; nothing that is stored has changed"
}
