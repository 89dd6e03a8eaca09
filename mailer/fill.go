package mailer

import (
	"errors"
	"html"
	"slices"
	"strings"
)

// slots are the names behind a letter's mark. None is the beginning of another.
var slots = [...]string{"address", "name", "leave", "preferences", "since"}

func (r Reader) values() [len(slots)]string {
	return [...]string{r.Address, r.Name, r.Leave, r.Preferences, r.Since}
}

// words are the parts of a letter made ready for its readers: normalised and cut at their slots, so that filling them
// copies text and looks at nothing but the reader's values.
type words struct {
	letter     Letter // what they were made of
	html, text cut
	stencil    *Stencil
	unfit      error // why there can be no message of it; nil: there can
}

// cut is text around slots: one piece more than there are slots, which are indexes into the names.
type cut struct {
	pieces []string
	slots  []int
	size   int
}

// words of the letter; those it was read with, unless a field was set since.
func (l Letter) words() *words {
	w := l.ready
	if l.ready = nil; w != nil && w.letter == l {
		return w
	}
	return makeWords(l)
}

func makeWords(l Letter) *words {
	l.ready = nil
	w := &words{letter: l, html: cutAt(bodyText(l.HTML), l.Mark), text: cutAt(bodyText(l.Text), l.Mark)}
	w.stencil, w.unfit = w.makeStencil()
	return w
}

func cutAt(text, mark string) cut {
	c := cut{size: len(text)}
	for from := 0; mark != ""; {
		i := strings.Index(text[from:], mark)
		if i < 0 {
			break
		}
		i += from
		slot, name := slotAt(text[i+len(mark):])
		if slot < 0 {
			from = i + 1
			continue
		}
		c.pieces, c.slots = append(c.pieces, text[:i]), append(c.slots, slot)
		text, from = text[i+len(mark)+len(name):], 0
	}
	c.pieces = append(c.pieces, text)
	return c
}

func slotAt(text string) (slot int, name string) {
	for i, name := range slots {
		if strings.HasPrefix(text, name) {
			return i, name
		}
	}
	return -1, ""
}

var errSlot = errors.New("the letter contains a slot nobody knows, or a value looks like one")

// fill puts values into the slots.
func (c cut) fill(values *[len(slots)]string, mark string) (string, error) {
	var b strings.Builder
	b.Grow(c.size + 512)
	for i, slot := range c.slots {
		b.WriteString(c.pieces[i])
		b.WriteString(values[slot])
	}
	b.WriteString(c.pieces[len(c.slots)])
	if text := b.String(); mark == "" || !strings.Contains(text, mark) {
		return text, nil
	}
	return "", errSlot
}

// seams are what of a cut can be part of a mark that a value completes.
type seams struct {
	mark  string
	ends  [256]bool // bytes a beginning of the mark can end in
	parts [2]cut    // HTML and text, with short pieces
	begun bool      // a piece before a slot ends in the beginning of a mark
}

func (w *words) seams() (s seams, err error) {
	s.mark = w.letter.Mark
	for i := range len(s.mark) - 1 {
		s.ends[s.mark[i]] = true
	}
	for i, c := range []cut{w.html, w.text} {
		s.parts[i] = c.short(len(s.mark))
		for k, piece := range c.pieces {
			if s.mark != "" && strings.Contains(piece, s.mark) {
				return s, errSlot
			}
			s.begun = s.begun || k < len(c.slots) && s.begins(piece)
		}
	}
	return s, nil
}

// short leaves of each piece what a mark of n bytes can reach into.
func (c cut) short(n int) cut {
	short := cut{slots: c.slots}
	for _, piece := range c.pieces {
		if len(piece) > 2*n {
			piece = piece[:n] + "\x00" + piece[len(piece)-n:] // no mark contains NUL
		}
		short.pieces, short.size = append(short.pieces, piece), short.size+len(piece)
	}
	return short
}

// begins reports whether text ends in the beginning of a mark.
func (s *seams) begins(text string) bool {
	if text == "" || !s.ends[text[len(text)-1]] {
		return false
	}
	for n := min(len(s.mark)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, s.mark[:n]) {
			return true
		}
	}
	return false
}

// check looks for the mark where a value could complete it, and in the values. A mark that is not whole in a piece begins
// in a value, or at the end of the piece before it: only where one does, the seams are put together.
func (s *seams) check(f *filling) error {
	if s.mark == "" {
		return nil
	}
	near := s.begun
	for i := range slots {
		near = near || s.begins(f.text[i]) || strings.Contains(f.text[i], s.mark)
		if len(f.html[i]) != len(f.text[i]) { // escaped
			near = near || s.begins(f.html[i]) || strings.Contains(f.html[i], s.mark)
		}
	}
	if !near {
		return nil
	}
	_, err := s.parts[0].fill(&f.html, s.mark)
	if err == nil {
		_, err = s.parts[1].fill(&f.text, s.mark)
	}
	return err
}

// used tells which slots the letter has.
func (w *words) used() (used [len(slots)]bool) {
	for _, slot := range slices.Concat(w.html.slots, w.text.slots) {
		used[slot] = true
	}
	return used
}

// filling is the values of one reader's slots as they stand in the parts.
type filling struct {
	html, text [len(slots)]string
	literal    [len(slots)]bool // nothing of them is escaped in quoted-printable
}

// filling gives the values of the slots that are used.
func (r *Reader) filling(used [len(slots)]bool) (f filling) {
	for i, value := range r.values() {
		if !used[i] {
			continue
		}
		var all kind
		for k := range len(value) {
			all |= byteKinds[value[k]]
		}
		if all&special != 0 {
			value = plainValue(value)
		}
		f.text[i], f.html[i] = value, value
		if all&markup != 0 {
			f.html[i] = html.EscapeString(value)
		}
		f.literal[i] = all&quoted == 0
	}
	return f
}

// Fill puts the reader's values into the slots of both parts and normalises their lines, as [Letter.Message] sends them.
func (l Letter) Fill(r Reader) (htmlPart, textPart string, err error) {
	w := l.words()
	f := r.filling(w.used())
	if l.Mark != "" && strings.Contains(l.Subject, l.Mark) {
		return "", "", errSlot
	}
	if htmlPart, err = w.html.fill(&f.html, l.Mark); err == nil {
		textPart, err = w.text.fill(&f.text, l.Mark)
	}
	return htmlPart, textPart, err
}
