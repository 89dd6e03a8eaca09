package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"unicode"
)

// stream prints a list one item at a time, as lines or as a JSON array.
type stream struct {
	w     *bufio.Writer
	json  bool
	count int
	err   error
}

func newStream(w io.Writer, asJSON bool) *stream {
	return &stream{w: bufio.NewWriter(w), json: asJSON}
}

func (s *stream) item(v any, line string) {
	s.count++
	if !s.json {
		s.write(printable(line) + "\n")
		return
	}
	data, err := json.Marshal(v)
	if err != nil && s.err == nil {
		s.err = err
	}
	if s.count == 1 {
		s.write("[\n  ")
	} else {
		s.write(",\n  ")
	}
	s.write(string(data))
}

func (s *stream) write(text string) {
	if _, err := s.w.WriteString(text); err != nil && s.err == nil {
		s.err = err
	}
}

func (s *stream) end() error {
	if s.json && s.count == 0 {
		s.write("[]\n")
	} else if s.json {
		s.write("\n]\n")
	}
	if s.err != nil {
		return s.err
	}
	return s.w.Flush()
}

// printable takes the control characters out of what strangers wrote, so that
// no feed title moves the cursor of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
}
