package mailer

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// What an answer may have. RFC 5321 §4.5.3.1.5 gives a line 512 bytes; servers that explain a refusal take more.
const (
	replyLine  = 4 << 10 // bytes of a line, its CRLF included
	replyLines = 512
	replyBytes = 64 << 10
	replyText  = 4 << 10 // bytes of text that are kept
)

var (
	errEarly   = errors.New("the server spoke before it was asked")
	errOdd     = errors.New("the server's answer makes no sense here")
	errLong    = errors.New("the server's answer has no end")
	errGarbled = errors.New("the server's answer is no proper SMTP reply")
)

// replies reads answers (RFC 5321 §4.2), and only whole and proper ones: three digits, '-' or a blank or nothing, CRLF;
// the same code on each line; no NUL, no CR or LF elsewhere. Its first error is its last word.
type replies struct {
	source io.Reader
	until  func(time.Time) error // sets the read deadline; nil: someone else does

	room       []byte
	start, end int // what of room is read and not yet used

	code, lines, size int    // of the answer that is being read; lines is 0 between two
	text              []byte // of the answer read last, its lines parted by LF
	failed            error
}

func newReplies(source io.Reader) *replies {
	return &replies{source: source, room: make([]byte, replyLine)}
}

// waiting reports bytes nobody has asked for yet.
func (r *replies) waiting() bool { return r.end > r.start }

// next reads one answer; its text is in r.text until the next. The limit is for all of it, and begins when there is
// nothing left to read without waiting: by then it is the oldest one awaited.
func (r *replies) next(limit time.Duration) (code int, err error) {
	timed := false
	for {
		for !r.whole() {
			if !timed && r.until != nil && r.failed == nil {
				r.failed = r.until(time.Now().Add(limit))
			}
			timed = true
			if r.fill(); r.failed != nil {
				return 0, r.failed
			}
		}
		if _, err := r.line(); err != nil {
			return 0, err
		}
		if r.lines == 0 {
			return r.code, nil
		}
	}
}

// whole reports that a line is there.
func (r *replies) whole() bool { return bytes.IndexByte(r.room[r.start:r.end], '\n') >= 0 }

// fill reads what there is, and waits when there is nothing.
func (r *replies) fill() {
	if r.failed != nil {
		return
	}
	if r.start > 0 {
		r.end = copy(r.room, r.room[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.room) {
		r.failed = errLong
		return
	}
	n, err := r.source.Read(r.room[r.end:])
	r.end += n
	if n > 0 { // an error that lasts comes again
		return
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	r.failed = err
}

// line takes the next line, CRLF included, and looks at it. It is good until the next call.
func (r *replies) line() ([]byte, error) {
	for !r.whole() {
		if r.fill(); r.failed != nil {
			return nil, r.failed
		}
	}
	line := r.room[r.start : r.start+bytes.IndexByte(r.room[r.start:r.end], '\n')+1]
	code, text, last, ok := replyParts(line)
	switch {
	case !ok || r.lines > 0 && code != r.code:
		r.failed = errGarbled
	case r.lines == replyLines || r.size+len(line) > replyBytes:
		r.failed = errLong
	}
	if r.failed != nil {
		return nil, r.failed
	}
	r.start += len(line)
	if r.lines == 0 {
		r.text, r.size = r.text[:0], 0
	} else {
		r.text = append(r.text, '\n')
	}
	r.text = append(r.text, text[:min(len(text), max(0, replyText-len(r.text)))]...)
	r.code = code
	r.lines++
	r.size += len(line)
	if last {
		r.lines = 0
	}
	return line, nil
}

// replyParts takes a line of an answer apart; ok is false when it is none.
func replyParts(line []byte) (code int, text []byte, last, ok bool) {
	n := len(line) - len("\r\n")
	if n < 3 || line[n] != '\r' || line[n+1] != '\n' {
		return 0, nil, false, false
	}
	line = line[:n]
	for _, digit := range line[:3] {
		if digit < '0' || digit > '9' {
			return 0, nil, false, false
		}
		code = 10*code + int(digit-'0')
	}
	if bytes.IndexByte(line, 0) >= 0 || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, '\n') >= 0 {
		return 0, nil, false, false
	}
	if n == 3 {
		return code, nil, true, true
	}
	return code, line[4:], line[3] == ' ', line[3] == ' ' || line[3] == '-'
}
