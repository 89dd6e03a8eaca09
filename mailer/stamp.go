package mailer

import (
	"errors"
	"fmt"
)

// Fill makes m the message for one reader, as [Letter.Message] builds it. What m was before is lost; its room is used
// again. After an error m is no message.
func (s *Stencil) Fill(m *Message, r Reader) error {
	m.size = 0
	if err := s.fill(m, &r); err != nil {
		*m = Message{room: m.room}
		return fmt.Errorf("building message: %w", err)
	}
	return nil
}

func (s *Stencil) fill(m *Message, r *Reader) error {
	to, err := mailbox(r.Address)
	if err != nil {
		return fmt.Errorf("recipient: %w", err)
	}
	f := r.filling(s.used)
	if err := s.seams.check(&f); err != nil {
		return err
	}
	p := press{room: m.room[:0], pieces: m.pieces[:0], delimiter: s.delimiter}
	if cap(p.room) == 0 {
		p.room = make([]byte, 0, s.size)
	}
	if p.room, err = s.header(m, p.room, r, to); err != nil {
		return err
	}
	p.room = append(p.room, s.around[0]...)
	if written, err := p.part(&s.text, &f.text, &f.literal); err != nil {
		return err
	} else if !written {
		return errors.New("no text part")
	}
	if p.room = append(p.room, s.around[1]...); len(s.delimiter) > 0 {
		if _, err := p.part(&s.html, &f.html, &f.literal); err != nil {
			return err
		}
		p.room = append(p.room, s.around[2]...)
	} else if !p.ended() {
		p.room = append(p.room, crlf...)
	}
	p.flush()
	m.pieces, m.room, m.size, m.doubled, m.wide = p.pieces, p.room, p.size, p.doubled, !isASCII(to)
	return nil
}

// shareMin is from where on a piece is worth a buffer of its own in a vectored write.
const shareMin = 512

// press puts a message together of pieces that are shared and room of its own between them. Room that has grown is
// another's no longer: pieces made of it before stay what they are.
type press struct {
	pieces  [][]byte
	room    []byte
	from    int // where the room begins that is in no piece yet
	size    int
	doubled int // dots that are there twice

	delimiter []byte // may be in no part
}

func (p *press) flush() {
	if len(p.room) > p.from {
		p.add(p.room[p.from:len(p.room):len(p.room)])
		p.from = len(p.room)
	}
}

func (p *press) add(piece []byte) {
	p.pieces = append(p.pieces, piece)
	p.size += len(piece)
}

// part writes a part with its values, and reports whether there was anything to write.
func (p *press) part(part *part, values *[len(slots)]string, literal *[len(slots)]bool) (written bool, err error) {
	written = !part.empty
	for i := range part.runs {
		r := &part.runs[i]
		if p.doubled += r.dots; len(r.lines) >= shareMin {
			p.flush()
			p.add(r.lines)
		} else {
			p.room = append(p.room, r.lines...)
		}
		if len(r.spots) == 0 {
			continue
		}
		start := len(p.room)
		p.room = append(p.room, r.open...)
		col := r.col
		for k := range r.spots {
			slot := r.spots[k].slot
			written = written || values[slot] != ""
			if literal[slot] {
				p.room, col = appendLiteral(p.room, col, values[slot])
			} else {
				p.room, col = appendQuoted(p.room, col, values[slot])
			}
			p.room, col = r.spots[k].after.append(p.room, col)
		}
		if p.room = closeLine(p.room, col); !r.last {
			p.room = append(p.room, crlf...)
		}
		dots, err := inspectOwn(p.room[start:], p.delimiter)
		if err != nil {
			return false, err
		}
		p.doubled += dots
	}
	return written, nil
}

// ended reports whether the last byte ends a line.
func (p *press) ended() bool {
	last := p.room
	if p.from == len(p.room) && len(p.pieces) > 0 {
		last = p.pieces[len(p.pieces)-1]
	}
	return last[len(last)-1] == '\n'
}
