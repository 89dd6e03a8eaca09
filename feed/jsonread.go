package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var errBrokenJSON = errors.New("the JSON is broken")

// jsonReader reads JSON as templates and broken programs write it: control
// characters in strings, quotation marks that nobody escaped, commas too many or
// too few, NaN. What such a text means must be plain; otherwise it is broken.
type jsonReader struct {
	b []byte // valid UTF-8
	i int    // next byte

	said []byte // of the string being read
}

// value reads the next value: a string, a [json.Number], a bool, nil, a []any, or
// a map[string]any with the members that keep names. Lists end after 200 entries,
// and what is more than two levels down is not kept.
func (r *jsonReader) value(depth, keep int) (any, error) {
	switch c := r.peek(); {
	case depth > maxDepth:
		return nil, fmt.Errorf("%w: more than %d levels", ErrTooDeep, maxDepth)
	case c == '{':
		return r.object(depth+1, keep-1)
	case c == '[':
		return r.list(depth+1, keep-1)
	case c == '"':
		return r.text(false)
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z':
		return r.word(), nil
	}
	return nil, errBrokenJSON
}

// peek is the next byte that is not white space, 0 at the end.
func (r *jsonReader) peek() byte {
	r.i = r.skip(r.i)
	if r.i == len(r.b) {
		return 0
	}
	return r.b[r.i]
}

func (r *jsonReader) skip(i int) int {
	for i < len(r.b) && (r.b[i] == ' ' || r.b[i] == '\n' || r.b[i] == '\r' || r.b[i] == '\t') {
		i++
	}
	return i
}

// entry goes to the next entry of a list or an object; false at its end.
func (r *jsonReader) entry(end byte) (bool, error) {
	for {
		switch r.peek() {
		case ',':
			r.i++
		case end:
			r.i++
			return false, nil
		case 0:
			return false, errBrokenJSON
		default:
			return true, nil
		}
	}
}

// key reads the name of an object's next member, and its colon.
func (r *jsonReader) key() (string, error) {
	if r.peek() != '"' {
		return "", errBrokenJSON
	}
	key, err := r.text(true)
	if err == nil && r.peek() != ':' {
		err = errBrokenJSON
	}
	r.i++
	return key, err
}

func (r *jsonReader) object(depth, keep int) (map[string]any, error) {
	r.i++ // the brace
	var out map[string]any
	if keep >= 0 {
		out = map[string]any{}
	}
	for {
		more, err := r.entry('}')
		if !more || err != nil {
			return out, err
		}
		key, err := r.key()
		if err != nil {
			return nil, err
		}
		v, err := r.value(depth, keep)
		if err != nil {
			return nil, err
		}
		if keep >= 0 && jsonNames[key] && v != nil {
			out[key] = v
		}
	}
}

func (r *jsonReader) list(depth, keep int) ([]any, error) {
	r.i++ // the bracket
	var out []any
	for {
		more, err := r.entry(']')
		if !more || err != nil {
			return out, err
		}
		v, err := r.value(depth, keep)
		if err != nil {
			return nil, err
		}
		if keep >= 0 && len(out) < 200 {
			out = append(out, v)
		}
	}
}

// word reads a number, whose digits stay as they are, or true, false, null and
// their like.
func (r *jsonReader) word() any {
	start := r.i
	for r.i < len(r.b) && (strings.IndexByte("+-.", r.b[r.i]) >= 0 || r.b[r.i] >= '0' && r.b[r.i] <= '9' || r.b[r.i]|0x20 >= 'a' && r.b[r.i]|0x20 <= 'z') {
		r.i++
	}
	word := string(r.b[start:r.i])
	switch {
	case word == "true", word == "false":
		return word == "true"
	case strings.ContainsAny(word, "0123456789") && len(word) <= 100:
		return json.Number(word)
	}
	return nil
}

// text reads a string, which ends at the first quotation mark behind which the
// JSON can go on; that of a key ends at the first.
func (r *jsonReader) text(isKey bool) (string, error) {
	r.i++ // the quotation mark
	r.said = r.said[:0]
	for {
		from := r.i
		for r.i < len(r.b) && r.b[r.i] != '"' && r.b[r.i] != '\\' {
			r.i++
		}
		if r.i == len(r.b) {
			r.i = from
			return "", errBrokenJSON
		}
		r.said = append(r.said, r.b[from:r.i]...)
		if r.b[r.i] == '\\' {
			r.said = r.escape(r.said)
			continue
		}
		r.i++
		if isKey || r.goesOn() {
			return string(appendAllowed(r.said[:0], r.said)), nil
		}
		r.said = append(r.said, '"')
	}
}

// goesOn says whether a string may have ended here: with the list or the object
// it is in, or with another entry of it, its comma forgotten or not.
func (r *jsonReader) goesOn() bool {
	i := r.skip(r.i)
	if i == len(r.b) || r.b[i] == '}' || r.b[i] == ']' {
		return true
	}
	if r.b[i] != ',' {
		return r.keyAhead(i)
	}
	i = r.skip(i + 1)
	return i == len(r.b) || r.b[i] != '"' && strings.IndexByte(`,{}[]-0123456789`, r.b[i]) >= 0 || r.keyAhead(i) || r.stringAhead(i)
}

// keyAhead says whether at i stands the name of a member, with its colon.
func (r *jsonReader) keyAhead(i int) bool {
	if r.b[i] != '"' {
		return false
	}
	for j := i + 1; j < min(len(r.b), i+100); j++ {
		switch r.b[j] {
		case '\\':
			j++
		case '"':
			j = r.skip(j + 1)
			return j < len(r.b) && r.b[j] == ':'
		}
	}
	return false
}

// stringAhead says whether at i stands a string of a list: it ends before the
// next comma or bracket.
func (r *jsonReader) stringAhead(i int) bool {
	if r.b[i] != '"' {
		return false
	}
	n := bytes.IndexByte(r.b[i+1:], '"')
	if n < 0 {
		return false
	}
	i = r.skip(i + n + 2)
	return i < len(r.b) && (r.b[i] == ',' || r.b[i] == ']')
}

// escape appends what the escape at r.i stands for. Half of a surrogate pair is
// no character.
func (r *jsonReader) escape(out []byte) []byte {
	r.i += 2
	if r.i > len(r.b) {
		r.i = len(r.b)
		return out
	}
	switch c := r.b[r.i-1]; c {
	case 'n':
		return append(out, '\n')
	case 't':
		return append(out, '\t')
	case 'r':
		return append(out, '\r')
	case 'b', 'f':
		return out
	case 'u':
		char, n := r.hex(r.i)
		r.i += n
		if utf16.IsSurrogate(char) {
			low, n := rune(0), 0
			if bytes.HasPrefix(r.b[r.i:], []byte(`\u`)) {
				low, n = r.hex(r.i + 2)
			}
			if char = utf16.DecodeRune(char, low); char != utf8.RuneError {
				r.i += 2 + n
			}
		}
		return utf8.AppendRune(out, char)
	default:
		return append(out, c)
	}
}

// hex reads the four digits of an escape at i; n says how many there are.
func (r *jsonReader) hex(i int) (char rune, n int) {
	for ; n < 4 && i+n < len(r.b); n++ {
		digit := strings.IndexByte("0123456789abcdefABCDEF", r.b[i+n])
		if digit < 0 {
			break
		}
		if digit > 0xf {
			digit -= 6
		}
		char = char<<4 | rune(digit)
	}
	if n < 4 {
		return utf8.RuneError, n
	}
	return char, n
}
