package newsletter_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"sync"
	"time"

	"digest/config"
	"digest/mailer"
)

// authority vouches for the certificates of rogue servers.
var authority = sync.OnceValues(func() (*x509.Certificate, *ecdsa.PrivateKey) {
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: issued.AddDate(-1, 0, 0), NotAfter: issued.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	if made, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	return made, key
})

// certified is the TLS of a server named relay.test, changed by these.
func certified(changes ...func(c *x509.Certificate, t *tls.Config)) *tls.Config {
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: issued.Add(-time.Hour), NotAfter: issued.AddDate(0, 1, 0), DNSNames: []string{"relay.test"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	// Tickets would be written while the client writes, too, and a pipe has no room for either.
	set := &tls.Config{SessionTicketsDisabled: true}
	for _, change := range changes {
		change(leaf, set)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	parent, parentKey := authority()
	if leaf.IsCA {
		parent, parentKey = leaf, key
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &key.PublicKey, parentKey)
	if err != nil {
		panic(err)
	}
	set.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return set
}

// relayed is a server that is reached over a network, with a login.
func relayed(c *config.Config) {
	c.Mail.SMTP, c.Mail.Password = "smtp://me@relay.test:587", config.NewSecret("canary-secret")
}

func relayedByTLS(c *config.Config) {
	c.Mail.SMTP, c.Mail.Password = "smtps://me@relay.test:465", config.NewSecret("canary-secret")
}

// trusting makes the authority of the rogue servers known.
func trusting(w *trial) {
	relay := w.Relay
	w.Relay = func(s *mailer.Server) {
		relay(s)
		s.Roots = x509.NewCertPool()
		root, _ := authority()
		s.Roots.AddCert(root)
	}
}

func (r row) trusting() row {
	passes := make([]pass, len(r.passes))
	copy(passes, r.passes)
	passes[0].first = trusting
	r.passes = passes
	return r
}

// unsaid checks that neither the login nor a mail was said to anybody.
func unsaid(w *trial) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00me\x00canary-secret"))
	for _, t := range w.server.talks {
		for _, words := range []string{"AUTH", "MAIL", "canary", plain[2:20]} {
			if heard := t.heard.String(); strings.Contains(heard, words) {
				w.t.Errorf("said %q", heard)
			}
		}
	}
	if len(w.server.talks) == 0 {
		w.t.Error("nobody was asked")
	}
}

// rowsUnsafe: S13 and S14. By the catalogue a run without a safe way ends with 2 or 10; in the design 2 is what is found
// before any I/O, and 20 that a person is needed.
func rowsUnsafe() []row {
	announced := func(s *rogue) { s.extensions = append(s.extensions, "AUTH PLAIN LOGIN") }
	secured := func(changes ...func(c *x509.Certificate, t *tls.Config)) func(s *rogue) {
		return func(s *rogue) { announced(s); s.tls = certified(changes...) }
	}
	halt := func(reason string) []pass {
		return []pass{{states: "queued+ queued+ queued+", copies: "0 0 0", exit: "person", reason: reason, notices: "mail halted since"}}
	}
	var rows []row
	for name, change := range map[string]func(c *x509.Certificate, t *tls.Config){
		"expired":       func(c *x509.Certificate, _ *tls.Config) { c.NotAfter = issued.Add(-time.Minute) },
		"not valid yet": func(c *x509.Certificate, _ *tls.Config) { c.NotBefore = issued.Add(time.Hour) },
		"another name":  func(c *x509.Certificate, _ *tls.Config) { c.DNSNames = []string{"relay.test.evil.test"} },
		"self-signed":   func(c *x509.Certificate, _ *tls.Config) { c.IsCA, c.BasicConstraintsValid = true, true },
		"for clients": func(c *x509.Certificate, _ *tls.Config) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		},
		"TLS 1.1 only": func(_ *x509.Certificate, t *tls.Config) {
			t.MinVersion, t.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		},
		"TLS 1.0 only": func(_ *x509.Certificate, t *tls.Config) {
			t.MinVersion, t.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		},
		"no known cipher": func(_ *x509.Certificate, t *tls.Config) {
			t.MaxVersion, t.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
		},
	} {
		rows = append(rows,
			row{
				name: "S13 STARTTLS, " + name, config: relayed, server: secured(change), passes: halt("no safe connection"),
				check: unsaid,
			}.trusting(),
			row{name: "S13 TLS, " + name, config: relayedByTLS, passes: halt("no safe connection"), check: unsaid,
				server: func(s *rogue) { secured(change)(s); s.implicit = true }}.trusting())
	}
	injected := []fault{{at: "STARTTLS", do: []act{say("220 go ahead", "250-relay.test", "250 AUTH PLAIN")}}}
	return append(rows,
		row{name: "S13 STARTTLS", config: relayed, server: secured(), passes: sent(0, 0), check: underTLS}.trusting(),
		row{
			name: "S13 TLS", config: relayedByTLS, passes: sent(0, 0), check: underTLS,
			server: func(s *rogue) { secured()(s); s.implicit = true },
		}.trusting(),
		row{name: "S13 nobody vouches", config: relayed, server: secured(), passes: halt("no safe connection"), check: unsaid},
		row{
			name: "S13 no STARTTLS, and no login", passes: halt("does not offer TLS"), check: unsaid,
			config: func(c *config.Config) { c.Mail.SMTP = "smtp://relay.test:587" },
		},
		row{name: "S13 no STARTTLS", config: relayed, server: announced, passes: halt("does not offer TLS"), check: unsaid},
		row{name: "S13 STARTTLS refused", config: relayed, server: secured(), passes: halt("does not offer TLS"), check: unsaid,
			faults: []fault{{at: "STARTTLS", do: []act{say("502 5.5.1 no")}}}},
		row{name: "S13 STARTTLS, not now", config: relayed, server: secured(), passes: sent(time.Minute, 0), check: underTLS,
			faults: []fault{{at: "STARTTLS", times: 1, do: []act{say("454 4.7.0 TLS not available due to temporary reason")}}}}.trusting(),
		row{
			name: "S13 injection after STARTTLS", config: relayed, server: secured(), faults: injected,
			passes: halt("no safe connection"), check: unsaid,
		}.trusting(),
		row{name: "S13 the handshake is dropped", config: relayed, server: secured(), passes: nobody(15*time.Second, fiveLost), check: unsaid,
			faults: []fault{{at: "STARTTLS", do: []act{raw("220 go ahead\r\n"), part(20), drop}}}}.trusting(),
		row{name: "S13 the handshake is mute", config: relayed, server: secured(), passes: sent(5*time.Minute+time.Second, 0), check: underTLS,
			faults: []fault{{at: "STARTTLS", times: 1, do: []act{raw("220 go ahead\r\n"), mute}}}}.trusting(),
		row{name: "S13 garbage for a handshake", config: relayed, server: secured(), passes: halt("no safe connection"), check: unsaid,
			faults: []fault{{at: "STARTTLS", do: []act{raw("220 go ahead\r\n"), part(20),
				raw("250 relay.test says hello in plain text\r\n"), drop}}}}.trusting(),
		row{
			name: "S14 AUTH before TLS only", config: relayed, passes: halt("login refused"), check: unsaid,
			faults: []fault{{at: "EHLO", nth: 2, do: []act{say("250 relay.test")}}},
			server: secured()}.trusting(),
		row{
			name: "S14 no AUTH", config: relayed, passes: halt("login refused"), check: unsaid,
			server: func(s *rogue) { s.tls = certified() },
		}.trusting(),
		row{
			name: "S14 no AUTH we know", config: relayed, passes: halt("login refused"),
			server: func(s *rogue) { s.tls, s.extensions = certified(), []string{"AUTH GSSAPI"} },
		}.trusting(),
		row{name: "S14 no AUTH on loopback", config: login, passes: halt("login refused"), check: unsaid},
	)
}

// underTLS checks that nothing but the beginning was said in plain text.
func underTLS(w *trial) {
	for _, t := range w.server.talks {
		for i, line := range t.lines {
			if verb, _, _ := strings.Cut(line, " "); verb != "EHLO" && verb != "STARTTLS" && !t.secured {
				w.t.Errorf("line %d in plain text: %q", i, line)
			}
		}
	}
}
