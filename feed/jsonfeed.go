package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"strings"
)

// fields of JSON Feed 1.1 (https://jsonfeed.org/version/1.1) that hold a string,
// and those that hold an object or a list of objects with the listed strings.
var (
	jsonFeedStrings = []string{"version", "title", "home_page_url", "feed_url", "description", "next_url", "icon", "favicon", "language"}
	jsonItemStrings = []string{"id", "url", "external_url", "title", "content_html", "content_text", "summary", "image",
		"banner_image", "date_published", "date_modified", "language"}
	jsonAuthor     = []string{"name", "url", "avatar"}
	jsonAttachment = []string{"url", "mime_type", "title"}
)

// jsonNames are the names of all members worth keeping.
var jsonNames = map[string]bool{
	"version": true, "title": true, "home_page_url": true, "feed_url": true, "description": true, "next_url": true, "icon": true,
	"favicon": true, "language": true, "id": true, "url": true, "external_url": true, "content_html": true, "content_text": true,
	"summary": true, "image": true, "banner_image": true, "date_published": true, "date_modified": true, "name": true, "avatar": true,
	"mime_type": true, "author": true, "authors": true, "tags": true, "attachments": true,
}

type object = map[string]any

// jsonFeed is a JSON Feed on its way to one that gofeed can read.
type jsonFeed struct {
	in     jsonReader
	fields object       // of the feed itself
	out    bytes.Buffer // the items, repaired, with commas between
	count  int
	listed bool // a list of items was there
	bare   bool // the list stands alone, so that its entries must prove they are posts
	from   int  // where the entry being read begins
}

// repairJSON gives every field of a JSON Feed the type it should have: a number
// becomes its text, anything else wrongly typed is dropped, and what is plain
// text is escaped so that all that leaves the parser is HTML. damaged says that
// the JSON broke off or broke, and only the items that stand whole in it are in
// out. The feed may also be a member of another object, or only its list of items.
func repairJSON(body []byte) (out []byte, damaged bool, err error) {
	f := jsonFeed{in: jsonReader{b: body}, fields: object{}}
	f.out.Grow(len(body) + 512)
	f.out.WriteString(`{"items":[`)
	err = f.document()
	if errors.Is(err, errBrokenJSON) {
		damaged = true
		err = f.salvage()
	}
	switch {
	case err != nil:
		return nil, damaged, err
	case damaged && f.count == 0:
		return nil, damaged, fmt.Errorf("%w: %w", ErrNotFeed, errBrokenJSON)
	case f.count == 0 && (f.bare || !f.listed):
		return nil, damaged, fmt.Errorf("%w: the JSON has no list of items", ErrNotFeed)
	}
	fields := jsonStrings(f.fields, jsonFeedStrings)
	fields["authors"] = jsonAuthors(f.fields)
	var b bytes.Buffer
	if err := encodeJSON(&b, fields); err != nil {
		return nil, damaged, err
	}
	f.out.WriteString("],")
	f.out.Write(bytes.TrimPrefix(b.Bytes(), []byte("{")))
	return f.out.Bytes(), damaged, nil
}

func (f *jsonFeed) document() error {
	if f.in.peek() == '[' {
		f.bare = true
		return f.list()
	}
	return f.feed(0)
}

// feed reads the object that is the feed, or that one of whose members is.
func (f *jsonFeed) feed(depth int) error {
	f.in.i++ // the brace
	for {
		more, err := f.in.entry('}')
		if !more || err != nil {
			return err
		}
		f.from = f.in.i
		key, err := f.in.key()
		if err != nil {
			return err
		}
		next := f.in.peek()
		switch {
		case key == "items" && next == '[':
			err = f.list()
		case next == '{' && depth < 3 && (key == "feed" || key == "channel" || key == "data" || key == "rss"):
			err = f.feed(depth + 1)
		default:
			var v any
			if v, err = f.in.value(depth+1, 2); err == nil && jsonNames[key] && v != nil {
				f.fields[key] = v
			}
		}
		if err != nil {
			return err
		}
	}
}

func (f *jsonFeed) list() error {
	f.in.i++ // the bracket
	f.listed = true
	for {
		more, err := f.in.entry(']')
		if !more || err != nil {
			return err
		}
		f.from = f.in.i
		v, err := f.in.value(1, 3)
		if err != nil {
			return err
		}
		if item, ok := v.(object); ok && (!f.bare || isJSONPost(item)) {
			if err := f.add(item); err != nil {
				return err
			}
		}
		f.from = f.in.i
	}
}

// salvage reads every object from where the JSON broke that is a post by itself.
// How much it reads again is bounded, whatever the bytes.
func (f *jsonFeed) salvage() error {
	spent := 0
	for at := f.from; spent < 3*len(f.in.b); {
		next := bytes.IndexByte(f.in.b[at:], '{')
		if next < 0 {
			break
		}
		at += next
		f.in.i = at
		v, err := f.in.value(1, 3)
		spent += f.in.i - at
		if item, ok := v.(object); err == nil && ok && isJSONPost(item) {
			if err := f.add(item); err != nil {
				return err
			}
			at = f.in.i
		} else {
			at++
		}
	}
	return nil
}

// isJSONPost tells a post from an author or an attachment.
func isJSONPost(o object) bool {
	for _, name := range []string{"id", "content_html", "content_text", "date_published"} {
		if _, ok := jsonString(o[name]); ok {
			return o["url"] != nil || o["content_html"] != nil || o["content_text"] != nil
		}
	}
	return false
}

func (f *jsonFeed) add(item object) error {
	if f.count++; f.count > maxPosts {
		return errPosts
	}
	if f.count > 1 {
		f.out.WriteByte(',')
	}
	return encodeJSON(&f.out, jsonItem(item))
}

func encodeJSON(w *bytes.Buffer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // markup would become three times as long
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

func jsonItem(in object) object {
	out := jsonStrings(in, jsonItemStrings)
	if text, _ := out["content_text"].(string); text != "" && out["content_html"] == nil {
		out["content_html"] = paragraphs(text)
	}
	delete(out, "content_text")
	for _, plain := range []string{"summary", "title"} {
		if text, ok := out[plain].(string); ok {
			out[plain] = html.EscapeString(text)
		}
	}
	out["authors"] = jsonAuthors(in)
	out["tags"] = jsonTags(in["tags"])
	if list := jsonObjects(in["attachments"], jsonAttachment); len(list) > 0 {
		out["attachments"] = list
	}
	return out
}

func jsonStrings(in object, names []string) object {
	out := object{}
	for _, name := range names {
		if s, ok := jsonString(in[name]); ok {
			out[name] = s
		}
	}
	return out
}

// jsonString reads a string, or a number as its text: an id "presented as a
// number or other type" is to be coerced.
func jsonString(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case json.Number:
		return v.String(), true
	}
	return "", false
}

func jsonAuthors(in object) []object {
	for _, field := range []string{"authors", "author"} {
		if list := jsonObjects(in[field], jsonAuthor); len(list) > 0 {
			return list
		}
	}
	return nil
}

// jsonObjects reads a list of objects, or one alone; one that is only a string is
// the first of names.
func jsonObjects(v any, names []string) []object {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []object
	for _, one := range list {
		o, ok := one.(object)
		if s, isText := one.(string); isText {
			o, ok = object{names[0]: s}, true
		}
		if fields := jsonStrings(o, names); ok && len(fields) > 0 {
			out = append(out, fields)
		}
	}
	return out
}

func jsonTags(v any) []string {
	if one, ok := jsonString(v); ok {
		return strings.Split(one, ",")
	}
	list, _ := v.([]any)
	var tags []string
	for _, one := range list {
		if o, ok := one.(object); ok {
			one = o["name"]
		}
		if s, ok := jsonString(one); ok {
			tags = append(tags, s)
		}
	}
	return tags
}

// paragraphs makes HTML of plain text: an empty line ends a paragraph.
func paragraphs(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var b strings.Builder
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(p), "\n", "<br>") + "</p>")
		}
	}
	return b.String()
}
