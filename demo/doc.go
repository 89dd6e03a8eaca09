// Package demo is the throw-away world that `digest demo` shows: a sample
// blog with a feed ([Blog]), an SMTP server that keeps what it is given
// ([Catcher]) and a page to read it on ([Inbox]).
//
// It never sends anything anywhere, and it knows nothing of the rest of the
// program: it stands on the far side of HTTP and SMTP, as a blog and a mail
// server do.
//
// Its invariant: what the catcher has answered with 250 is in [Catcher.Mails],
// byte for byte, until the catcher is gone.
//
// Both handlers only answer GET and HEAD and read no request body. Time limits
// belong to the caller's [net/http.Server]; set ReadHeaderTimeout,
// ReadTimeout, WriteTimeout, IdleTimeout and MaxHeaderBytes there.
package demo
