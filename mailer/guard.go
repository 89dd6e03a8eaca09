package mailer

import (
	"bytes"
	"net"
	"net/textproto"
)

// guard is the connection as go-mail's client sees it while the session opens: it can read nothing but the lines of
// proper answers, one at a time, so that its own buffer never holds more than it was asked for.
type guard struct {
	net.Conn // for writing and deadlines
	replies  *replies
	rest     []byte // of the line read last
}

// Write lets nothing follow an answer that made no sense, and HELO follow only the answer of a server that does not know
// EHLO (RFC 5321 §3.2): go-mail's client says it after any other no as well.
func (g *guard) Write(p []byte) (int, error) {
	if err := g.replies.failed; err != nil {
		return 0, err
	}
	if bytes.HasPrefix(p, []byte("HELO ")) && g.replies.code != 500 && g.replies.code != 502 {
		return 0, &textproto.Error{Code: g.replies.code, Msg: string(g.replies.text)}
	}
	return g.Conn.Write(p)
}

func (g *guard) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		line, err := g.replies.line()
		if err != nil {
			return 0, err
		}
		g.rest = line
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}
