package web

import (
	"net/http"
	"net/url"

	"digest/newsletter"
	"digest/subscribers"
)

// leaving is what the leave pages show.
type leaving struct {
	Masked string
	Gone   bool // has left before
}

func (s *site) showLeave(w http.ResponseWriter, r *http.Request) {
	reader, err := s.Newsletter.Reader(r.Context(), subscribers.PurposeLeave, r.PathValue("link"))
	if err != nil {
		s.fail(w, r, err, "link")
		return
	}
	s.show(w, http.StatusOK, "leave", leaving{reader.Masked, gone(reader)})
}

// leave acts on a mailbox provider's one-click POST (RFC 8058 §3.2) and on our
// own button. Who has left before is told the same.
func (s *site) leave(w http.ResponseWriter, r *http.Request) {
	fields, err := form(r, true)
	if err != nil {
		s.fail(w, r, err, "link")
		return
	}
	source, ok := leaveSource(fields)
	if !ok {
		s.problem(w, http.StatusBadRequest, "button")
		return
	}
	ctx, cancel := acting(r)
	defer cancel()
	link := r.PathValue("link")
	reader, err := s.Newsletter.Reader(ctx, subscribers.PurposeLeave, link)
	if err == nil {
		err = s.Newsletter.Leave(ctx, link, source, s.Now())
	}
	if err != nil {
		s.fail(w, r, err, "link")
		return
	}
	s.show(w, http.StatusOK, "left", leaving{Masked: reader.Masked})
}

// leaveSource says by which of the two fields someone leaves.
func leaveSource(fields url.Values) (source string, ok bool) {
	switch {
	case fields.Get("List-Unsubscribe") == "One-Click":
		return "one-click", true
	case fields.Get("do") == "leave":
		return "leave page", true
	}
	return "", false
}

// preferring is what the preferences page shows.
type preferring struct {
	Masked  string
	Digests []choice
	Saved   bool
}

func (s *site) showPreferences(w http.ResponseWriter, r *http.Request) {
	reader, err := s.Newsletter.Reader(r.Context(), subscribers.PurposePreferences, r.PathValue("link"))
	if err != nil {
		s.fail(w, r, err, "link")
		return
	}
	s.preferences(w, reader, false)
}

// preferences shows what a reader gets, or that they get nothing.
func (s *site) preferences(w http.ResponseWriter, reader newsletter.Reader, saved bool) {
	if gone(reader) {
		s.show(w, http.StatusOK, "left", leaving{Masked: reader.Masked})
		return
	}
	s.show(w, http.StatusOK, "preferences", preferring{reader.Masked, s.choices(reader.Digests...), saved})
}

func (s *site) prefer(w http.ResponseWriter, r *http.Request) {
	fields, err := form(r, false)
	if err != nil {
		s.fail(w, r, err, "link")
		return
	}
	digests := fields["digest"]
	switch fields.Get("do") {
	case "save":
	case "leave":
		digests = nil
	default:
		s.problem(w, http.StatusBadRequest, "button")
		return
	}
	ctx, cancel := acting(r)
	defer cancel()
	link := r.PathValue("link")
	reader, err := s.Newsletter.Reader(ctx, subscribers.PurposePreferences, link)
	if err == nil && !gone(reader) {
		err = s.Newsletter.Prefer(ctx, link, digests, "preferences page", s.Now())
	}
	if err == nil {
		reader, err = s.Newsletter.Reader(ctx, subscribers.PurposePreferences, link)
	}
	if err != nil {
		s.fail(w, r, err, "link")
		return
	}
	s.preferences(w, reader, true)
}
