package config

import (
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lineIndex tells on which line (from 1) each key and table stands, by its path
// in lower case: "mail", "mail.rate", "digest[1].on". What cannot be parsed is
// left out; decoding says so.
func lineIndex(text []byte) map[string]int {
	var newlines []int
	for i, b := range text {
		if b == '\n' {
			newlines = append(newlines, i)
		}
	}
	x := index{lines: map[string]int{}, counts: map[string]int{}}
	x.at = func(n *unstable.Node) int { return sort.SearchInts(newlines, int(n.Raw.Offset)) + 1 }
	var p unstable.Parser
	p.Reset(text)
	table := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			table = x.add("", e)
		case unstable.ArrayTable:
			table = x.addElement(e)
		case unstable.KeyValue:
			x.keyValue(table, e)
		}
	}
	return x.lines
}

type index struct {
	lines  map[string]int
	counts map[string]int // elements of an array of tables so far
	at     func(*unstable.Node) int
}

// add notes the key of a table or value below a table, and returns its path.
func (x *index) add(table string, e *unstable.Node) string {
	path, line := table, 0
	for it := e.Key(); it.Next(); {
		if path != "" {
			path += "."
		}
		path += strings.ToLower(string(it.Node().Data))
		line = x.at(it.Node())
	}
	x.lines[path] = line
	return path
}

func (x *index) addElement(e *unstable.Node) string {
	path := x.add("", e)
	element := path + "[" + strconv.Itoa(x.counts[path]) + "]"
	x.counts[path]++
	x.lines[element] = x.lines[path]
	return element
}

func (x *index) keyValue(table string, e *unstable.Node) {
	path := x.add(table, e)
	value := e.Value()
	if value.Kind == unstable.InlineTable {
		x.inline(path, value)
	}
	if value.Kind != unstable.Array {
		return
	}
	n := 0
	for it := value.Children(); it.Next(); {
		if it.Node().Kind == unstable.InlineTable {
			element := path + "[" + strconv.Itoa(n) + "]"
			x.lines[element] = x.lines[path]
			x.inline(element, it.Node())
			n++
		}
	}
}

func (x *index) inline(table string, value *unstable.Node) {
	for it := value.Children(); it.Next(); {
		if it.Node().Kind == unstable.KeyValue {
			x.keyValue(table, it.Node())
		}
	}
}

// display writes a path as it looks in the file: "[mail] rate", "[[digest]] on".
func display(path string) string {
	var key []string
	for part := range strings.SplitSeq(path, ".") {
		name, _, _ := strings.Cut(part, "[")
		key = append(key, name)
	}
	return displayKey(key)
}

func displayKey(key []string) string {
	table, name := strings.Join(key[:len(key)-1], "."), key[len(key)-1]
	switch {
	case table == "" && isArray(name):
		return "[[" + name + "]]"
	case isArray(table + "." + name):
		return "[[" + table + "." + name + "]]"
	case table == "" && keysOf(name) != nil:
		return "[" + name + "]"
	case table == "":
		return name
	case isArray(table):
		return "[[" + table + "]] " + name
	}
	return "[" + table + "] " + name
}

func isArray(table string) bool { return table == "feed" || table == "digest" || table == "mail.dkim" }

// fields are the keys of the file by table ("" = above all tables), from the
// toml tags that decoding goes by.
func fields(t reflect.Type) []reflect.StructField {
	var all []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			all = append(all, fields(f.Type)...)
			continue
		}
		if tag := f.Tag.Get("toml"); tag != "" && tag != "-" {
			all = append(all, f)
		}
	}
	return all
}

func tables() map[string][]reflect.StructField {
	all := map[string][]reflect.StructField{}
	for _, f := range fields(reflect.TypeFor[file]()) {
		all[""] = append(all[""], f)
		t := f.Type
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct {
			all[f.Tag.Get("toml")] = fields(t)
			for _, inner := range fields(t) {
				if inner.Type.Kind() == reflect.Slice && inner.Type.Elem().Kind() == reflect.Struct {
					all[f.Tag.Get("toml")+"."+inner.Tag.Get("toml")] = fields(inner.Type.Elem())
				}
			}
		}
	}
	return all
}

func keysOf(table string) []string {
	var keys []string
	for _, f := range tables()[strings.ToLower(table)] {
		keys = append(keys, f.Tag.Get("toml"))
	}
	return keys
}

// homeOf is the table that knows a key; "" when none does.
func homeOf(name string) string {
	for _, table := range []string{"site", "author", "feed", "digest", "mail", "web"} {
		if slices.Contains(keysOf(table), name) {
			return displayKey([]string{table})
		}
	}
	if slices.Contains(keysOf(""), name) {
		return "the top of the file, above the first table"
	}
	return ""
}

// wanted says what kind of value a key takes.
func wanted(key []string) string {
	table, name := strings.Join(key[:len(key)-1], "."), key[len(key)-1]
	for _, f := range tables()[table] {
		if f.Tag.Get("toml") != name {
			continue
		}
		switch {
		case f.Type == reflect.TypeFor[Duration]():
			return `a time span like "6h" or "90m"`
		case f.Type == reflect.TypeFor[Word]():
			return `a word like "monday" or a number`
		case f.Type.Kind() == reflect.String:
			return "text in quotes"
		case f.Type.Kind() == reflect.Int:
			return "a whole number"
		case f.Type.Kind() == reflect.Bool, f.Type == reflect.TypeFor[*bool]():
			return "true or false"
		case f.Type.Kind() == reflect.Map:
			return "a table [" + table + "." + name + "]"
		case f.Type.Kind() == reflect.Slice:
			return "a table [[" + strings.TrimPrefix(table+"."+name, ".") + "]]"
		}
		return "a table [" + name + "]"
	}
	return ""
}

// nearest is the known key a typist may have meant; "" when none is near.
func nearest(name string, known []string) string {
	best, least := "", 1+max(1, len(name)/3)
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions and changes of bytes between two
// words (Levenshtein).
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
