package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// mark lets a dot leave.
type mark struct {
	id   int64
	with marking
	ours bool // the answer: the row was this courier's
}

// marking is what one statement writes to the rows of many marks. Times are unix seconds.
type marking struct {
	epoch, date, at int64
	relay           uint32
}

// acceptance is the outcome of a mail that was accepted.
type acceptance struct {
	id    int64
	with  accepting
	reply string
}

// accepting is what one statement writes to many accepted rows, and another to their attempts.
type accepting struct {
	epoch, marked, at int64
	code              int
}

// errUneven says that fewer rows stood where they were taken to be.
var errUneven = errors.New("some rows have changed hands")

// together writes what is alike by one statement, after the odd sayings of the group, whatever their order was. An odd
// saying may change rows of others: a refusal makes the reader leave, which skips what else they are owed. A row whose
// mark waits in the group is then claimed no more, which is errUneven and has all written in order; one whose outcome
// waits is dotting, which leaving does not change.
func (l *ledger) together(ctx context.Context, group []saying) error {
	accepts, marks := make(map[accepting][]*acceptance), make(map[marking][]*mark)
	for _, s := range group {
		switch {
		case s.mark != nil:
			marks[s.mark.with] = append(marks[s.mark.with], s.mark)
		case s.accept != nil:
			accepts[s.accept.with] = append(accepts[s.accept.with], s.accept)
		default:
			if err := s.do(ctx, l); err != nil {
				return err
			}
		}
	}
	for with, list := range accepts {
		if all, err := l.accept(ctx, with, list...); err != nil || !all {
			return cmp.Or(err, errUneven)
		}
	}
	for with, list := range marks {
		if all, err := l.mark(ctx, with, list...); err != nil || !all {
			return cmp.Or(err, errUneven)
		}
	}
	return nil
}

// singly writes row by row, in order.
func (l *ledger) singly(ctx context.Context, group []saying) error {
	for _, s := range group {
		var err error
		switch {
		case s.mark != nil:
			_, err = l.mark(ctx, s.mark.with, s.mark)
		case s.accept != nil:
			_, err = l.accept(ctx, s.accept.with, s.accept)
		default:
			err = s.do(ctx, l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mark lets the dots of claimed rows leave; all is false when some row is this courier's no more.
func (l *ledger) mark(ctx context.Context, with marking, list ...*mark) (all bool, err error) {
	ids := []byte{'['}
	for _, m := range list {
		ids = append(strconv.AppendInt(ids, m.id, 10), ',')
	}
	n, err := l.exec(ctx, markRows, closed(ids, ']'), with.epoch, with.date, with.at, with.relay)
	all = err == nil && n == len(list)
	for _, m := range list {
		m.ours = all
	}
	return all, err
}

// accept settles dotting rows as sent and writes their attempts; all is false when some row does not stand there any
// more, and then no attempt is written.
func (l *ledger) accept(ctx context.Context, with accepting, list ...*acceptance) (all bool, err error) {
	ids, replies := []byte{'['}, []byte{'{'}
	for _, a := range list {
		ids = append(strconv.AppendInt(ids, a.id, 10), ',')
		replies = append(strconv.AppendInt(append(replies, '"'), a.id, 10), '"', ':')
		replies = append(quote(replies, a.reply), ',')
	}
	n, err := l.exec(ctx, acceptRows, closed(ids, ']'), with.epoch, with.code, with.at)
	if err != nil || n != len(list) {
		return false, err
	}
	_, err = l.exec(ctx, acceptedRows, closed(replies, '}'), with.epoch, with.marked, with.at, with.code)
	return true, err
}

// closed puts the bracket where the last comma is.
func closed(text []byte, bracket byte) string {
	text[len(text)-1] = bracket
	return string(text)
}

// quote appends s as a JSON string. SQLite ends a string at a NUL.
func quote(text []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(strings.ReplaceAll(s, "\x00", "")) // a string always can be
			return append(text, quoted...)
		}
	}
	return append(append(append(text, '"'), s...), '"')
}
