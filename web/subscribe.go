package web

import (
	"errors"
	"net/http"
	"strings"

	"digest/newsletter"
	"digest/subscribers"
)

// asked is what the subscribe page shows.
type asked struct {
	Address string // as typed
	Wrong   bool   // it is none
	Digests []choice
}

// trap is a field no person sees; what fills it in is a program.
const trap = "homepage"

func (s *site) showSubscribe(w http.ResponseWriter, r *http.Request) {
	live, err := s.Newsletter.Live(r.Context())
	if err == nil && !live {
		err = newsletter.ErrNotLive
	}
	if err != nil {
		s.fail(w, r, err, "")
		return
	}
	w.Header().Del("X-Robots-Tag")
	s.show(w, http.StatusOK, "subscribe", asked{Digests: s.choices(s.Newsletter.DefaultDigest().Name)})
}

// subscribe answers every address alike, so that nobody learns here who is
// subscribed.
func (s *site) subscribe(w http.ResponseWriter, r *http.Request) {
	fields, err := form(r, false)
	if err != nil {
		s.fail(w, r, err, "")
		return
	}
	if fields.Get(trap) == "" {
		err = s.ask(r, strings.TrimSpace(fields.Get("address")), fields.Get("digest"))
	}
	if errors.Is(err, subscribers.ErrAddress) {
		chosen := fields.Get("digest")
		if chosen == "" {
			chosen = s.Newsletter.DefaultDigest().Name
		}
		s.show(w, http.StatusUnprocessableEntity, "subscribe",
			asked{Address: fields.Get("address"), Wrong: true, Digests: s.choices(chosen)})
		return
	}
	if err != nil {
		s.fail(w, r, err, "")
		return
	}
	s.show(w, http.StatusOK, "sent", nil)
}

func (s *site) ask(r *http.Request, address, digest string) error {
	ctx, cancel := acting(r)
	defer cancel()
	if err := s.Newsletter.Subscribe(ctx, address, digest, "subscribe page", s.Now()); err != nil {
		return err
	}
	s.Wake()
	return nil
}

func (s *site) showConfirm(w http.ResponseWriter, r *http.Request) {
	invitation, err := s.Newsletter.Invitation(r.Context(), r.PathValue("token"), s.Now())
	if err != nil {
		s.fail(w, r, err, "stale")
		return
	}
	s.show(w, http.StatusOK, "confirm", invitation)
}

// confirm acts on our own button only: a scanner that posts to whatever it
// finds sends no field.
func (s *site) confirm(w http.ResponseWriter, r *http.Request) {
	fields, err := form(r, false)
	if err != nil {
		s.fail(w, r, err, "stale")
		return
	}
	if fields.Get("do") != "confirm" {
		s.problem(w, http.StatusBadRequest, "button")
		return
	}
	ctx, cancel := acting(r)
	defer cancel()
	welcome, err := s.Newsletter.Confirm(ctx, r.PathValue("token"), "confirm page", s.Now())
	if err != nil {
		s.fail(w, r, err, "stale")
		return
	}
	s.show(w, http.StatusOK, "welcome", welcome)
}
