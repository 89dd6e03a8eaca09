// Package issue says what goes into an issue, and when it is due.
//
// A [Schedule] turns a rhythm ("every Monday at 09:00 Europe/Berlin") into
// firings. Whether one is due is a question asked of what is stored, never an
// event that can be missed: [Schedule.Due] compares the last period answered
// for with the clock, and folds what was missed into one. [Choose] takes posts
// from a pool, so that a post nobody mailed yet stays to be mailed.
//
// It never reads the clock, renders, or sends anything, and it knows no
// subscriber.
//
// Its one invariant: within one digest a period is answered for once, and a
// post stands in one issue.
package issue

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"digest/feed"
)

// State is where an issue stands. See [State.CanBecome] for the legal moves.
type State string

const (
	StateDraft State = "draft"     // made, and nothing more
	Held       State = "held"      // waits for the author
	Approved   State = "approved"  // frozen: its readers are owed, nothing edits it
	Sending    State = "sending"   // a courier has begun
	Done       State = "done"      // every delivery is final
	Empty      State = "empty"     // the period had nothing to say
	Cancelled  State = "cancelled" // the author said no
)

// Kind says how an issue came to be.
type Kind string

const (
	Scheduled Kind = "scheduled" // its period ended on the schedule
	Past      Kind = "past"      // made by hand of a past period; never counts as the last cut
)

// Period is a stretch of time an issue answers for, half-open: Start is in it,
// End is not.
type Period struct {
	// Key names it within its digest for ever, and keys of scheduled periods
	// rise as strings: "2026-03-30" or, where a schedule can fire more than
	// once a day, "2026-03-30T09:00", both local wall time; a past one is
	// "2010-02", "2010-W08" or "2010-02-26/day".
	Key        string
	Start, End time.Time // UTC
	// Covers are the keys folded in, oldest first, Key last. Nil in what
	// [Last], [Latest] and [List] return.
	Covers []string
	// Truncated says that still older firings are folded in, too many to list.
	Truncated bool
}

// Issue is one edition of a digest.
type Issue struct {
	ID       int64 // 0 = not stored
	Digest   string
	Number   int // edition among the frozen issues of the digest, from 1; 0 = not frozen
	Kind     Kind
	Period   Period
	Cut      time.Time // exclusive: posts first seen before it could go in
	State    State
	Subject  string
	HTML     string    // the page `view online` shows, no personal link in it; "" in what [List] returns
	Hash     string    // of the proof last shown to the author
	Proof    string    // text part of that proof; "" in what [List] returns
	Reason   string    // why it is held, empty or cancelled, as a sentence
	Made     time.Time // UTC
	Approved time.Time // UTC; zero = not frozen
	Done     time.Time // UTC; zero = not done
}

var (
	// ErrPeriodTaken says that an issue of the digest answers for the period.
	ErrPeriodTaken = errors.New("the period is already answered for")
	// ErrPeriod says that a word names no calendar period.
	ErrPeriod = errors.New("this is no month, week or day of the calendar")
	// ErrState says that the issue stands in a state that forbids the move.
	ErrState = errors.New("the issue is in another state")
	// ErrNotFound says that there is no such issue.
	ErrNotFound = errors.New("there is no such issue")
)

// moves lists where each state may go. Held to held is a new reason. Approved has no way back: readers are
// owed from then on, and only the ledger says what becomes of their mail. Done goes back where a person sends again.
var moves = map[State][]State{
	StateDraft: {Held, Approved, Empty, Cancelled},
	Held:       {Held, Approved, Empty, Cancelled},
	Approved:   {Sending, Done},
	Sending:    {Done},
	Done:       {Sending},
	Empty:      nil,
	Cancelled:  nil,
}

// CanBecome says whether an issue in state s may go to state to.
func (s State) CanBecome(to State) bool { return slices.Contains(moves[s], to) }

// Frozen says whether the issue's words, posts and readers are settled.
func (s State) Frozen() bool { return s == Approved || s == Sending || s == Done }

// Final says whether nothing moves an issue on from s by itself.
func (s State) Final() bool { return s == Done || s == Empty || s == Cancelled }

// Choose takes from the pool what no issue of the digest has used, each post
// once, newest first: by Published, then by ID. The pool is left as it is.
func Choose(pool []feed.Post, used map[int64]bool) []feed.Post {
	var chosen []feed.Post
	seen := make(map[int64]bool, len(pool))
	for _, p := range pool {
		if used[p.ID] || seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		chosen = append(chosen, p)
	}
	slices.SortFunc(chosen, func(a, b feed.Post) int {
		if c := b.Published.Compare(a.Published); c != 0 {
			return c
		}
		return cmp.Compare(b.ID, a.ID)
	})
	return chosen
}
