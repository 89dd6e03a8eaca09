package feed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"time"
)

const (
	askEvery   = time.Hour          // a feed that is well
	askJitter  = askEvery / 10      // … give or take
	maxWait    = 24 * time.Hour     // one that is not, at most
	fullEvery  = 24 * time.Hour     // without validators, since they may lie
	goneLooks  = 3                  // answers 410 in a row …
	goneFor    = 24 * time.Hour     // … over that long stop a feed
	movedLooks = 3                  // looks in a row that led to one address …
	movedFor   = 7 * 24 * time.Hour // … over that long propose it
)

// Rest is why a feed is left alone for now. Its zero value says that it is not.
type Rest struct {
	Until time.Time // zero beside a Why: until it is asked by hand
	Why   string    // a clause for people: "it failed 3 times in a row"
}

// Resting tells whether f is to be left alone at now. urgent says that an issue
// waits for it: then only the server's own wish counts, and that it is gone. A
// time further away than any wait comes of a clock that went back.
func (f Feed) Resting(now time.Time, urgent bool) Rest {
	switch {
	case f.Stopped:
		return Rest{Why: "its server says that it is gone for good"}
	case !now.Before(f.Next), f.Checked.After(now), f.Next.Sub(now) > maxWait:
	case f.Told:
		return Rest{f.Next, "its server asked for that pause"}
	case !urgent && f.Failures == 1:
		return Rest{f.Next, "the last look failed"}
	case !urgent:
		return Rest{f.Next, fmt.Sprintf("the last %d looks failed", f.Failures)}
	}
	return Rest{}
}

// Due tells whether a daemon that looks hourly asks f at now. Its hours are
// longer or shorter by up to a tenth, so that not all of them call at once.
func (f Feed) Due(now time.Time) bool {
	switch {
	case f.Checked.IsZero(), f.Checked.After(now):
		return !f.Stopped
	case f.Failures > 0:
		return f.Resting(now, false) == Rest{}
	}
	return now.Sub(f.Checked) >= askEvery+jitter(f.ID, f.Checked)
}

// jitter is between minus and plus askJitter, the same for a feed within an hour.
func jitter(id int64, at time.Time) time.Duration {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(id)))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(at.Unix()/3600)))
	return time.Duration(h.Sum64()%uint64(2*askJitter+1)) - askJitter
}

// Conditional gives the validators for the next request, none once a day: a
// server may answer 304 whatever was written.
func (f Feed) Conditional(now time.Time) (etag, lastModified string) {
	if since := now.Sub(f.Full); f.Full.IsZero() || since >= fullEvery || since < 0 {
		return "", ""
	}
	return f.ETag, f.LastModified
}

// Proposal is where permanent redirects have led at every look for a week; ""
// = nowhere. It is the author's to put into the config: whoever holds a domain
// for an hour may answer 301.
func (f Feed) Proposal() string {
	if f.Moved < movedLooks || f.Read.Sub(f.MovedSince) < movedFor {
		return ""
	}
	return f.MovedTo
}

// backoff is how long to wait after so many failures in a row.
func backoff(failures int) time.Duration {
	waits := []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
	if failures <= len(waits) {
		return waits[max(failures, 1)-1]
	}
	return min(time.Hour<<min(failures-len(waits)-1, 5), maxWait)
}

// failed is f after a look that gave no feed, which f.Failures counts already.
func (f Feed) failed(cause error, now time.Time) Feed {
	if f.FailedSince.IsZero() || f.FailedSince.After(now) {
		f.FailedSince = now
	}
	f.Next, f.Told = now.Add(backoff(f.Failures)), false
	if !isWeb(f.URL) {
		f.Next = time.Time{} // a file minds no questions
	}
	var status *StatusError
	if !errors.As(cause, &status) {
		return f
	}
	if status.RetryAfter > 0 {
		f.Next, f.Told = now.Add(status.RetryAfter), true
	}
	if status.Code != http.StatusGone {
		f.Gone, f.GoneSince = 0, time.Time{}
		return f
	}
	if f.Gone++; f.GoneSince.IsZero() || f.GoneSince.After(now) {
		f.GoneSince = now
	}
	f.Stopped = f.Stopped || f.Gone >= goneLooks && now.Sub(f.GoneSince) >= goneFor
	return f
}

// well is f after a good look.
func (f Feed) well(a Answer, full bool, now time.Time) Feed {
	f.Next, f.Told, f.FailedSince = time.Time{}, false, time.Time{}
	f.Gone, f.GoneSince, f.Stopped = 0, time.Time{}, false
	if full {
		f.Full = now
	}
	if a.NotModified && a.Body != nil { // the bytes of last time, under validators that may be new
		f.ETag, f.LastModified = a.ETag, a.LastModified
	}
	switch {
	case !a.Redirected:
		f.MovedTo, f.MovedSince, f.Moved = "", time.Time{}, 0
	case a.Permanent == "" || len(a.Permanent) > 2000: // a detour says nothing about the address
	case a.Permanent == f.MovedTo && !f.MovedSince.After(now):
		f.Moved++
	default:
		f.MovedTo, f.MovedSince, f.Moved = a.Permanent, now, 1
	}
	return f
}

// Rested records, within the caller's transaction and after [Keep], [Unchanged]
// or [Failed], when f is to be asked again, and returns it as it is then. cause
// is why the look gave no feed, nil after a good one; full says that it was
// asked for without validators.
func Rested(ctx context.Context, q Querier, f Feed, a Answer, cause error, full bool, now time.Time) (Feed, error) {
	f, err := scanFeed(q.QueryRowContext(ctx, `SELECT `+feedColumns+` FROM feeds WHERE id = $1`, f.ID).Scan)
	if err != nil {
		return Feed{}, fmt.Errorf("finding the feed: %w", err)
	}
	if now = seconds(now); cause != nil {
		f = f.failed(cause, now)
	} else {
		f = f.well(a, full, now)
	}
	_, err = q.ExecContext(ctx, `
		UPDATE feeds SET next_at = $2, next_told = $3, failed_since = $4, full_at = $5, gone = $6, gone_since = $7, stopped = $8,
			moved_to = $9, moved_since = $10, moved = $11, etag = $12, last_modified = $13 WHERE id = $1`,
		f.ID, unix(f.Next), f.Told, unix(f.FailedSince), unix(f.Full), f.Gone, unix(f.GoneSince), f.Stopped,
		strings.ToValidUTF8(f.MovedTo, ""), unix(f.MovedSince), f.Moved, strings.ToValidUTF8(f.ETag, ""), strings.ToValidUTF8(f.LastModified, ""))
	if err != nil {
		return Feed{}, fmt.Errorf("recording when to ask the feed again: %w", err)
	}
	return f, nil
}

// unix is t as it is stored; zero is NULL.
func unix(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}
