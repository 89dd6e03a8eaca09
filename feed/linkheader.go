package feed

import (
	"net/url"
	"strings"
)

// linkHeader reads the feeds that Link headers declare (RFC 8288, section 3).
// One whose anchor makes it a statement about another page is left out.
func linkHeader(values []string, base *url.URL) []Candidate {
	var list []Candidate
	for _, value := range values {
		for rest := value; len(list) < maxDeclared; {
			var href string
			var params map[string]string
			var ok bool
			if href, params, rest, ok = nextLink(rest); !ok {
				break
			}
			rels := strings.Fields(strings.ToLower(params["rel"]))
			if !declaresFeed(rels, params["type"], href) || !isAbout(params, base) {
				continue
			}
			if c, ok := candidate(base, href, params["title"], params["type"], HowHeader); ok {
				list = append(list, c)
			}
		}
	}
	return list
}

func isAbout(params map[string]string, base *url.URL) bool {
	anchor, ok := params["anchor"]
	if !ok {
		return true
	}
	u := resolve(base, anchor)
	return u != nil && webAddress(u) == webAddress(base)
}

// nextLink takes one link-value off s. The first of parameters of one name
// counts; ok is false where no further "<" opens one.
func nextLink(s string) (href string, params map[string]string, rest string, ok bool) {
	_, s, ok = strings.Cut(s, "<")
	if !ok {
		return "", nil, "", false
	}
	href, s, ok = strings.Cut(s, ">")
	if !ok {
		return "", nil, "", false
	}
	params = map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, ";") {
			return href, params, s, true
		}
		name, value, more := nextParam(s[1:])
		if _, again := params[name]; !again && len(params) < 20 {
			params[name] = value
		}
		s = more
	}
}

// nextParam reads name, "name=token" or `name="quoted"`.
func nextParam(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		end = len(s)
	}
	name = strings.ToLower(strings.TrimSpace(s[:end]))
	if end == len(s) || s[end] != '=' {
		return name, "", s[end:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		end = strings.IndexAny(s, ";,")
		if end < 0 {
			end = len(s)
		}
		return name, strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return name, b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return name, b.String(), ""
}
