package mailer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Spool puts messages into a Maildir instead of a server. Offer writes and syncs the file in tmp/, Dot renames it into
// new/. It is for one goroutine at a time; several may share a folder.
//
// The file is named after the Message-ID: a message offered again takes the place of its first copy, as long as nobody
// has moved that on to cur/. Lines end in LF there, as Maildir readers expect.
type Spool struct {
	dir   string
	ready string // name in tmp/ of the message that waits for its dot; empty: none
}

// ParseSpool gives the folder of a file:///folder address; ok is false for any other.
func ParseSpool(raw string) (dir string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) {
		return "", false
	}
	return filepath.Clean(u.Path), true
}

// OpenSpool opens a Maildir, and makes it where there is none. Its error is a [*DialError].
func OpenSpool(dir string) (*Spool, error) {
	for _, name := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, &DialError{Server: dir, Phase: PhaseConnect, Err: fmt.Errorf("%w: %w", ErrSpool, err)}
		}
	}
	return &Spool{dir: dir}, nil
}

// Offer does what [Session.Offer] does.
func (s *Spool) Offer(ctx context.Context, e Envelope) (Answer, error) {
	from, to := e.From, e.To
	if e.Message == nil || e.Message.size == 0 {
		return Answer{Class: BadMessage, Phase: PhaseData, Code: 554, Enhanced: "5.6.0", Text: "there is no message"}, nil
	}
	message := e.Message.Bytes()
	if err := errors.Join(ctx.Err(), s.discard()); err != nil {
		return Answer{}, fmt.Errorf("writing to spool: %w: %w", ErrLost, err)
	}
	sender, err := "", error(nil)
	if from != "" {
		sender, err = mailbox(from)
	}
	if err != nil {
		return Answer{Class: BadSender, Phase: PhaseMail, Code: 553, Enhanced: "5.1.7", Text: err.Error()}, nil
	}
	recipient, err := mailbox(to)
	if err != nil {
		return Answer{Class: BadRecipient, Phase: PhaseRcpt, Code: 553, Enhanced: "5.1.3", Text: err.Error()}, nil
	}
	file := fmt.Appendf(nil, "Return-Path: <%s>\nDelivered-To: %s\n", sender, recipient)
	file = append(file, bytes.ReplaceAll(message, crlf, []byte("\n"))...)
	name := spoolName(recipient, message)
	if err := writeSynced(filepath.Join(s.dir, "tmp", name), file); err != nil {
		return Answer{}, fmt.Errorf("writing to spool: %w: %w", ErrLost, err)
	}
	s.ready = name
	return Answer{Class: Ready, Phase: PhaseData, Code: 354}, nil
}

// Pipelining does what [Session.Pipelining] does: there is nothing to save.
func (s *Spool) Pipelining() bool { return false }

// Closed does what [Session.Closed] does.
func (s *Spool) Closed() bool { return false }

// Dot does what [Session.Dot] does. A failed rename is a definite no; only a folder that can't be synced leaves doubt.
func (s *Spool) Dot(context.Context, *Envelope) (Answer, error) {
	if s.ready == "" {
		return Answer{}, fmt.Errorf("writing to spool: nothing is offered: %w", ErrNoDot)
	}
	name := s.ready
	if err := os.Rename(filepath.Join(s.dir, "tmp", name), filepath.Join(s.dir, "new", name)); err != nil {
		_ = s.discard()
		return Answer{Class: Busy, Phase: PhaseDot, Code: 421, Text: err.Error()}, nil
	}
	s.ready = ""
	folder, err := os.Open(filepath.Join(s.dir, "new"))
	if err != nil {
		return Answer{}, fmt.Errorf("writing to spool: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return Answer{}, fmt.Errorf("writing to spool: %w", err)
	}
	return Answer{Class: Accepted, Phase: PhaseDot, Code: 250, Text: "new/" + name}, nil
}

// Close takes back what was offered without a dot.
func (s *Spool) Close() error { return s.discard() }

func (s *Spool) discard() error {
	if s.ready == "" {
		return nil
	}
	name := s.ready
	s.ready = ""
	if err := os.Remove(filepath.Join(s.dir, "tmp", name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clearing spool: %w", err)
	}
	return nil
}

// spoolName is the same for each copy of a message to one recipient; without a Message-ID it is made from all of it.
func spoolName(to string, message []byte) string {
	head, _, _ := strings.Cut(string(message), "\r\n\r\n")
	key := string(message)
	for line := range strings.SplitSeq(strings.ReplaceAll(head, "\r\n ", " "), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Message-ID") {
			key = strings.TrimSpace(value)
		}
	}
	sum := sha256.Sum256([]byte(to + "\x00" + key))
	return hex.EncodeToString(sum[:16]) + ".digest"
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}
