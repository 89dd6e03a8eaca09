package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

const maxFile = 1 << 20 // bytes

// file is the shape of digest.toml where it differs from Config.
type file struct {
	Config
	FeedWait Duration `toml:"feed_wait"`
}

// Load reads and checks the file at path, with what the environment says of
// single tables (DIGEST_MAIL_FROM stands for [mail] from; an empty variable
// says nothing). Whatever is wrong is in one *[Errors].
func Load(path string) (Config, error) {
	return load(path, os.Environ())
}

func load(path string, environ []string) (Config, error) {
	text, err := readFile(path)
	if err != nil {
		return Config{}, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Config{}, &Errors{{File: path, Problem: "finding its folder failed", Err: err}}
	}
	r := reader{name: path, lines: lineIndex(text), dir: filepath.Dir(absolute)}
	c, ok := r.decode(text)
	if !ok {
		return Config{}, r.result()
	}
	c.Path, c.Dir = absolute, r.dir
	r.environment(&c, environ)
	c.fill()
	r.check(&c)
	if err := r.result(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Line is where the key at a path ("digest[1].subject") stands in a file, or
// else its table; 0 = nowhere.
func Line(path, key string) int {
	text, err := readFile(path)
	if err != nil {
		return 0
	}
	r := reader{lines: lineIndex(text)}
	return r.line(strings.ToLower(key))
}

func readFile(path string) ([]byte, error) {
	refuse := func(problem, hint string, err error) error {
		return &Errors{{File: path, Problem: problem, Hint: hint, Err: err}}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, refuse("there is no such file", "`digest init URL` writes one, --config names another", err)
	case err != nil:
		return nil, refuse("it cannot be read", "check who owns it and its folder", err)
	case !info.Mode().IsRegular():
		return nil, refuse("it is no file", "name a digest.toml", nil)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, refuse("it cannot be read", "check who owns it and its folder", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, refuse("it cannot be read", "", err)
	}
	if len(text) > maxFile {
		return nil, refuse("it is larger than 1 MiB", "name a digest.toml", nil)
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// reader gathers what is wrong on the way from bytes to a Config.
type reader struct {
	name   string
	dir    string
	lines  map[string]int    // by path of a key, see lineIndex
	env    map[string]string // path of a key to the variable that said it
	errors Errors
}

func (r *reader) result() error {
	if len(r.errors) == 0 {
		return nil
	}
	r.errors.sort()
	return &r.errors
}

// bad records what is wrong with the key at a path ("mail.rate", "digest[1].on").
func (r *reader) bad(path, problem, hint string) {
	if variable, ok := r.env[path]; ok {
		r.errors = append(r.errors, &Error{File: environment, Key: variable, Problem: problem, Hint: hint})
		return
	}
	r.errors = append(r.errors, &Error{File: r.name, Line: r.line(path), Key: display(path), Problem: problem, Hint: hint})
}

// line is where a key stands, or else its table; 0 when neither does.
func (r *reader) line(path string) int {
	for path != "" {
		if n, ok := r.lines[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return 0
}

// decode reads the text strictly. Unknown keys are recorded and reading goes
// on; after broken syntax or a value of the wrong kind nothing more is known.
func (r *reader) decode(text []byte) (Config, bool) {
	var f file
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&f)
	var unknown *toml.StrictMissingError
	var broken *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			r.errors = append(r.errors, r.unknownKey(e.Key(), line))
		}
	case errors.As(err, &broken):
		r.errors = append(r.errors, r.broken(broken))
		return Config{}, false
	case err != nil:
		r.errors = append(r.errors, &Error{File: r.name, Problem: "it is no valid TOML"})
		return Config{}, false
	}
	f.Config.FeedWait = time.Duration(f.FeedWait)
	return f.Config, true
}

// broken words a decoding error without go-toml's picture of the place, which
// shows neighbouring lines, and passwords with them.
func (r *reader) broken(e *toml.DecodeError) *Error {
	line, _ := e.Position()
	bad := &Error{File: r.name, Line: line, Problem: strings.TrimPrefix(e.Error(), "toml: ")}
	if key := e.Key(); len(key) > 0 {
		bad.Key = displayKey(key)
		bad.Problem = "this is the wrong kind of value"
		if want := wanted(key); want != "" {
			bad.Problem += ": " + want + " is allowed"
		}
		if len(key) > 1 && key[0] == "mail" && key[1] == "domains" {
			bad.Key, bad.Hint = "[mail.domains]", `write a domain and its rate in quotes, both text: "gmail.com" = "20/m"`
		}
	}
	return bad
}

func (r *reader) unknownKey(key []string, line int) *Error {
	bad := &Error{File: r.name, Line: line, Key: displayKey(key), Problem: "there is no such key"}
	table, name := strings.Join(key[:len(key)-1], "."), key[len(key)-1]
	switch {
	case table == "mail" && name == "password":
		bad.Hint = "a password does not stand in this file; use password_file or DIGEST_MAIL_PASSWORD"
	case nearest(name, keysOf(table)) != "":
		bad.Hint = fmt.Sprintf("did you mean %s?", nearest(name, keysOf(table)))
	case homeOf(name) != "":
		bad.Hint = "it belongs to " + homeOf(name)
	}
	return bad
}
