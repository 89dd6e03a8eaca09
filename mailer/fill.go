package mailer

import (
	"errors"
	"html"
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
	stencil    stencil
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
	w.stencil, w.unfit = l.stencil(w.html, w.text)
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
func (c cut) fill(values [len(slots)]string, mark string) (string, error) {
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

// seams is the cut with short pieces: only so much is left of each as can be part of a mark that a value completes.
func (c cut) seams(mark string) cut {
	short := cut{slots: c.slots}
	for _, piece := range c.pieces {
		if n := len(mark) - 1; mark != "" && len(piece) > 2*n && !strings.Contains(piece, mark) {
			piece = piece[:n] + "\x00" + piece[len(piece)-n:] // no mark contains NUL
		}
		short.pieces, short.size = append(short.pieces, piece), short.size+len(piece)
	}
	return short
}

// filling gives the values of the slots as they stand in the parts.
func (r Reader) filling() (inHTML, inText [len(slots)]string) {
	inText = r.values()
	for i, value := range inText {
		inText[i] = plainValue(value)
		inHTML[i] = html.EscapeString(inText[i])
	}
	return inHTML, inText
}

// Fill puts the reader's values into the slots of both parts and normalises their lines, as [Letter.Message] sends them.
func (l Letter) Fill(r Reader) (htmlPart, textPart string, err error) {
	w := l.words()
	inHTML, inText := r.filling()
	if l.Mark != "" && strings.Contains(l.Subject, l.Mark) {
		return "", "", errSlot
	}
	if htmlPart, err = w.html.fill(inHTML, l.Mark); err == nil {
		textPart, err = w.text.fill(inText, l.Mark)
	}
	return htmlPart, textPart, err
}
