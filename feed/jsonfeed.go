package feed

import (
	"bytes"
	"encoding/json"
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

type object = map[string]json.RawMessage

// repairJSON gives every field of a JSON Feed the type it should have: a number
// becomes its text, anything else wrongly typed is dropped, and what is plain
// text is escaped so that all that leaves the parser is HTML.
func repairJSON(body []byte) ([]byte, error) {
	if err := jsonDepth(body); err != nil {
		return nil, err
	}
	var in object
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&in); err != nil {
		return nil, fmt.Errorf("%w: reading JSON: %w", ErrNotFeed, err)
	}
	var items []json.RawMessage
	if json.Unmarshal(in["items"], &items) != nil || in["items"] == nil {
		return nil, fmt.Errorf("%w: the JSON has no list of items", ErrNotFeed)
	}
	if len(items) > maxPosts {
		return nil, errPosts
	}
	out := jsonStrings(in, jsonFeedStrings)
	out["authors"] = jsonAuthors(in)
	list := make([]map[string]any, 0, len(items))
	for _, raw := range items {
		var item object
		if json.Unmarshal(raw, &item) == nil && item != nil {
			list = append(list, jsonItem(item))
		}
	}
	out["items"] = list
	return json.Marshal(out)
}

func jsonItem(in object) map[string]any {
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

func jsonStrings(in object, names []string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if s, ok := jsonString(in[name]); ok {
			out[name] = s
		}
	}
	return out
}

// jsonString reads a string, or a number as its text: an id "presented as a
// number or other type" is to be coerced.
func jsonString(raw json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return string(appendAllowed(nil, []byte(s))), s != ""
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil && n != "" {
		return n.String(), true
	}
	return "", false
}

func jsonAuthors(in object) []map[string]any {
	if list := jsonObjects(in["authors"], jsonAuthor); len(list) > 0 {
		return list
	}
	if name, ok := jsonString(in["author"]); ok {
		return []map[string]any{{"name": name}}
	}
	return jsonObjects(in["author"], jsonAuthor)
}

// jsonObjects reads a list of objects, or one alone.
func jsonObjects(raw json.RawMessage, names []string) []map[string]any {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	var out []map[string]any
	for _, one := range list {
		var o object
		if json.Unmarshal(one, &o) != nil {
			continue
		}
		if fields := jsonStrings(o, names); len(fields) > 0 {
			out = append(out, fields)
		}
	}
	return out
}

func jsonTags(raw json.RawMessage) []string {
	if one, ok := jsonString(raw); ok {
		return strings.Split(one, ",")
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var tags []string
	for _, one := range list {
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

// jsonDepth refuses nesting no feed needs before anything recurses into it.
func jsonDepth(body []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: more than %d levels", ErrTooDeep, maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
