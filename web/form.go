package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

var (
	errForm  = errors.New("form can't be read")
	errLarge = errors.New("form is too large")
	errType  = errors.New("form has an unknown content type")
)

// form reads the fields of a POST; nothing of the query counts. A form is
// urlencoded; where multipart is true it may also be multipart/form-data, as
// RFC 8058 §3.2 lets a mailbox provider choose. No content type at all is read
// as urlencoded.
func form(r *http.Request, multipart bool) (url.Values, error) {
	kind := "application/x-www-form-urlencoded"
	if given := r.Header.Get("Content-Type"); given != "" {
		var err error
		if kind, _, err = mime.ParseMediaType(given); err != nil {
			return nil, errType
		}
	}
	switch {
	case kind == "application/x-www-form-urlencoded":
		return urlencoded(r)
	case kind == "multipart/form-data" && multipart:
		return parts(r)
	}
	return nil, errType
}

func urlencoded(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, tooLarge(err)
	}
	fields, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errForm
	}
	return fields, nil
}

func parts(r *http.Request) (url.Values, error) {
	// The body is capped, so all of it stays in memory.
	if err := r.ParseMultipartForm(maxBody); err != nil {
		return nil, tooLarge(err)
	}
	return r.MultipartForm.Value, nil
}

// tooLarge tells a body over the cap from one that is broken.
func tooLarge(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return errLarge
	}
	return errForm
}
