package mailer

import "net"

// guard is the connection as go-mail's client sees it while the session opens: it can read nothing but the lines of
// proper answers, one at a time, so that its own buffer never holds more than it was asked for.
type guard struct {
	net.Conn // for writing and deadlines
	replies  *replies
	rest     []byte // of the line read last
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
