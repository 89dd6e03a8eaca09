package outbox_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/outbox"
)

func TestEveryMailOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 8
		w.owe(many(500)...)
		sum := w.work()
		if sum.Sent != 500 || sum.Queued != 0 || sum.Reason != "" {
			w.Errorf("summary %+v", sum)
		}
		if got := w.server.copies(); len(got) != 500 || len(w.server.accepted) != 500 {
			w.Errorf("%d mails to %d readers", len(w.server.accepted), len(got))
		}
		if again := w.work(); again.Sent != 0 {
			w.Errorf("a second run sent %d", again.Sent)
		}
	})
}

func TestConfirmationGoesFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx := context.Background()
		w.owe(many(3)...)
		letter, _ := outbox.AddLetter(ctx, w.db, "confirm/9/1", []byte("confirm"), time.Now())
		for range 2 {
			if _, err := outbox.Owe(ctx, w.db, outbox.Owed{Mailing: "confirm/9/1", Subscriber: 9, Letter: letter,
				Address: "new@example.com"}, time.Time{}, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		w.work()
		first := w.server.accepted[0]
		if first.Address != "new@example.com" || string(first.Words) != "confirm" || len(w.server.accepted) != 4 {
			w.Errorf("first of %d: %+v", len(w.server.accepted), first)
		}
	})
}

// answers are what one mail meets, and how its row stands after one run without patience.
func TestAnswers(t *testing.T) {
	offer := func(r outbox.Reply, err error) func(*server) {
		return func(s *server) { s.offer = func(outbox.Mail, int) (outbox.Reply, error) { return r, err } }
	}
	dot := func(r outbox.Reply, err error) func(*server) {
		return func(s *server) { s.dot = func(outbox.Mail, int) (outbox.Reply, error) { return r, err } }
	}
	tests := map[string]struct {
		server func(*server)
		policy outbox.Policy
		want   string // its state, "+" when due again
		tries  int
		reason string
		halted bool
	}{
		"accepted":             {server: func(*server) {}, want: "sent", tries: 1},
		"refused":              {server: offer(refused, nil), want: "failed", tries: 1},
		"deferred":             {server: offer(deferred, nil), want: "retry+", tries: 1},
		"content refused":      {server: offer(rejected, nil), want: "retry+", tries: 1},
		"sender refused":       {server: offer(halted, nil), want: "queued+", reason: "refuses this sender", halted: true},
		"mail too large":       {server: offer(large, nil), want: "queued+", reason: "the mail is too large for the server: 9 bytes, it takes 8", halted: true},
		"busy":                 {server: offer(busy, nil), want: "queued+", reason: "busy"},
		"offer lost":           {server: offer(outbox.Reply{}, errLost), want: "queued+", reason: "5 connections in a row"},
		"offer undecided":      {server: offer(outbox.Reply{}, nil), want: "queued+", reason: "decides nothing"},
		"refused at the dot":   {server: dot(refused, nil), want: "failed", tries: 1},
		"deferred at the dot":  {server: dot(deferred, nil), want: "retry+", tries: 1},
		"content at the dot":   {server: dot(rejected, nil), want: "retry+", tries: 1},
		"halt at the dot":      {server: dot(halted, nil), want: "queued+", reason: "refuses this sender", halted: true},
		"busy at the dot":      {server: dot(busy, nil), want: "retry+", reason: "busy"},
		"lost at the dot":      {server: dot(outbox.Reply{}, errLost), want: "unknown+"},
		"undecided at the dot": {server: dot(ready, nil), want: "unknown+"},
		"lost, ask":            {server: dot(outbox.Reply{}, errLost), policy: outbox.Ask, want: "unknown"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				test.server(w.server)
				w.Patience, w.InDoubt = -1, test.policy
				w.owe("reader@example.com")
				sum := w.work()
				if got := w.states()["reader@example.com"]; got != test.want {
					w.Errorf("state %s, want %s", got, test.want)
				}
				d, _, err := outbox.Get(context.Background(), w.db, 1)
				if err != nil || d.Attempts != test.tries {
					w.Errorf("%d attempts, want %d (%v)", d.Attempts, test.tries, err)
				}
				if !strings.Contains(sum.Reason, test.reason) || (sum.Reason == "") != (test.reason == "") || sum.Halted != test.halted {
					w.Errorf("summary %+v", sum)
				}
				if w.server.open != 0 {
					w.Errorf("%d connections left open", w.server.open)
				}
			})
		})
	}
}

func TestRetryInTheSameRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.offer = func(m outbox.Mail, nth int) (outbox.Reply, error) {
			if nth == 1 {
				return deferred, nil
			}
			return ready, nil
		}
		w.owe("grey@example.com")
		start := time.Now()
		sum := w.work()
		if waited := time.Since(start); sum.Sent != 1 || waited < 5*time.Minute || waited > 16*time.Minute {
			w.Errorf("after %v: %+v", waited, sum)
		}
	})
}

// A repetition carries the first copy's date, and what is in doubt twice, or refused the second time, stays unknown.
func TestRepetition(t *testing.T) {
	tests := map[string]struct {
		second func(s *server)
		want   string
		copies int
	}{
		"accepted": {func(*server) {}, "sent", 1},
		"doubted again": {func(s *server) {
			s.dot = func(outbox.Mail, int) (outbox.Reply, error) { return outbox.Reply{}, errLost }
		}, "unknown", 0},
		"refused": {func(s *server) {
			s.offer = func(outbox.Mail, int) (outbox.Reply, error) { return refused, nil }
		}, "unknown", 0},
		"deferred": {func(s *server) {
			s.offer = func(outbox.Mail, int) (outbox.Reply, error) { return deferred, nil }
		}, "unknown+", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.Patience = -1
				var dates []time.Time
				w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
					dates = append(dates, m.Date)
					return outbox.Reply{}, errLost
				}
				w.owe("reader@example.com")
				w.work()
				if sum := w.work(); sum.Queued != 1 || w.server.offers != 1 {
					w.Fatalf("offered %d times at once: %+v", w.server.offers, sum)
				}
				time.Sleep(outbox.RepeatAfter)
				w.server.dot = nil
				test.second(w.server)
				w.work()
				if got := w.states()["reader@example.com"]; got != test.want || len(w.server.accepted) != test.copies {
					w.Errorf("state %s with %d copies, want %s with %d", got, len(w.server.accepted), test.want, test.copies)
				}
				if test.copies == 1 && (!w.server.accepted[0].Repeat || !w.server.accepted[0].Date.Equal(dates[0])) {
					w.Errorf("repeated as %+v, first on %v", w.server.accepted[0], dates[0])
				}
			})
		})
	}
}

// Someone leaves at each point of their mail: before the mark it never goes out, after it they get this one and no
// second try.
func TestLeaving(t *testing.T) {
	tests := map[string]struct {
		point  string
		answer func(m outbox.Mail, nth int) (outbox.Reply, error)
		want   string
		copies int
	}{
		"claimed":             {outbox.PointAfterClaim, nil, "skipped", 0},
		"offered":             {outbox.PointOffered, nil, "skipped", 0},
		"before the mark":     {outbox.PointBeforeMark, nil, "skipped", 0},
		"after the mark":      {outbox.PointAfterMark, nil, "sent", 1},
		"then deferred":       {outbox.PointAfterMark, func(outbox.Mail, int) (outbox.Reply, error) { return deferred, nil }, "skipped", 0},
		"then lost":           {outbox.PointAfterMark, func(outbox.Mail, int) (outbox.Reply, error) { return outbox.Reply{}, errLost }, "unknown", 0},
		"then sender refused": {outbox.PointAfterMark, func(outbox.Mail, int) (outbox.Reply, error) { return halted, nil }, "skipped", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.Patience = -1
				w.server.dot = test.answer
				w.owe("leaver@example.com")
				w.Hook = func(point string) {
					if point != test.point {
						return
					}
					if _, err := outbox.Skip(context.Background(), w.db, 1, "left", time.Now()); err != nil {
						w.Error(err)
					}
				}
				w.work()
				w.Hook = nil
				time.Sleep(time.Hour)
				w.work()
				if got := w.states()["leaver@example.com"]; got != test.want || len(w.server.accepted) != test.copies {
					w.Errorf("%s with %d copies, want %s with %d", got, len(w.server.accepted), test.want, test.copies)
				}
				if w.server.offers > 1 {
					w.Errorf("offered %d times", w.server.offers)
				}
			})
		})
	}
}

func TestBreaker(t *testing.T) {
	addressed := func(m outbox.Mail) outbox.Reply {
		return outbox.Reply{Verdict: outbox.Refused, Code: 550, Enhanced: "5.1.1", Text: "<" + m.Address + ">: blocked (Q17" + m.Address[:2] + ")"}
	}
	tests := map[string]struct {
		n      int
		refuse func(m outbox.Mail, nth int) bool
		reply  func(m outbox.Mail) outbox.Reply
		halted bool
		failed int
	}{
		"the first five alike": {50, func(_ outbox.Mail, nth int) bool { return true }, addressed, true, 0},
		"only four":            {4, func(_ outbox.Mail, nth int) bool { return true }, addressed, false, 4},
		"four, then another":   {50, func(_ outbox.Mail, nth int) bool { return nth <= 4 }, addressed, false, 4},
		"more than one in 20":  {300, func(_ outbox.Mail, nth int) bool { return nth%10 == 0 }, addressed, true, 0},
		"one in 20":            {300, func(_ outbox.Mail, nth int) bool { return nth%20 == 0 }, addressed, false, 15},
		"five with other texts": {5, func(_ outbox.Mail, nth int) bool { return true }, func(m outbox.Mail) outbox.Reply {
			return outbox.Reply{Verdict: outbox.Refused, Code: 550, Text: "gone " + string('a'+m.Address[1]-'1')}
		}, true, 0},
		"five of 50": {50, func(_ outbox.Mail, nth int) bool { return nth%10 == 0 }, addressed, false, 5},
		"six of 50":  {50, func(_ outbox.Mail, nth int) bool { return nth%9 == 0 || nth == 50 }, addressed, true, 0},
		"by the name": {50, func(_ outbox.Mail, nth int) bool { return true }, func(m outbox.Mail) outbox.Reply {
			local, _, _ := strings.Cut(m.Address, "@")
			return outbox.Reply{Verdict: outbox.Refused, Code: 550, Enhanced: "5.1.1", Text: "no mailbox <" + strings.TrimLeft(local, "0123456789") + "> here"}
		}, true, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.server.offer = func(m outbox.Mail, nth int) (outbox.Reply, error) {
					if test.refuse(m, nth) {
						return test.reply(m), nil
					}
					return ready, nil
				}
				w.owe(many(test.n)...)
				sum := w.work()
				if sum.Halted != test.halted || w.count(outbox.Failed) != test.failed || sum.Failed != test.failed {
					w.Errorf("%d failed, want %d: %+v", w.count(outbox.Failed), test.failed, sum)
				}
				if n := w.count(outbox.Claimed); n != 0 {
					w.Errorf("%d left claimed", n)
				}
				if strings.Contains(sum.Reason, "@") {
					w.Errorf("reason names a reader: %s", sum.Reason)
				}
			})
		})
	}
}

func TestContentRefusedThreeTimes(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.dot = func(outbox.Mail, int) (outbox.Reply, error) { return rejected, nil }
		w.owe(many(10)...)
		sum := w.work()
		if !sum.Halted || w.server.dots != 3 || w.count(outbox.Retry) != 3 || w.count(outbox.Failed) != 0 {
			w.Errorf("%d dots, %+v", w.server.dots, sum)
		}
	})
}

func TestBrokenWords(t *testing.T) {
	tests := map[string]struct {
		broken, failed, sent int
		halted               bool
	}{
		"three": {3, 3, 20, false},
		"four":  {4, 3, 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var list []string
				for i := range test.broken {
					list = append(list, "panic"+string('0'+rune(i))+"@example.com")
				}
				w.owe(append(list, many(20)...)...)
				sum := w.work()
				if sum.Failed != test.failed || sum.Sent != test.sent || sum.Halted != test.halted {
					w.Errorf("%+v", sum)
				}
				if w.server.offers != 2*test.broken+test.sent {
					w.Errorf("%d offers", w.server.offers)
				}
			})
		})
	}
}

func TestExpiry(t *testing.T) {
	inWorld(t, func(w *world) {
		w.owe("old@example.com", "doubted@example.com")
		w.Patience = -1
		w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			if m.Address == "old@example.com" {
				return deferred, nil
			}
			return outbox.Reply{}, errLost
		}
		w.work()
		time.Sleep(outbox.ExpireAfter)
		w.server.dot = nil
		sum := w.work()
		want := map[string]string{"old@example.com": "expired", "doubted@example.com": "sent"}
		if diff := cmp.Diff(want, w.states()); diff != "" || sum.Expired != 1 {
			w.Error(diff, sum)
		}
	})
}

func TestCommits(t *testing.T) {
	inWorld(t, func(w *world) {
		commits := 0
		w.Connections = 16
		w.Hook = func(point string) {
			if point == outbox.PointCommitted {
				commits++
			}
		}
		w.owe(many(640)...)
		sum := w.work()
		if commits >= 640 {
			w.Errorf("%d commits for 640 mails over 16 connections", commits)
		}
		if sum.Sent != 640 {
			w.Errorf("%+v", sum)
		}
	})
}

func TestDropQueued(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Patience = -1
		w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			if m.Address == "r1@example.com" {
				return outbox.Reply{}, errLost
			}
			return accepted, nil
		}
		w.owe(many(2)...)
		w.work()
		owe(w.T, w.db, time.Now(), many(4)...)
		n, err := outbox.DropQueued(context.Background(), w.db, "sent by the original", time.Now())
		if err != nil || n != 3 {
			w.Errorf("%d dropped, %v", n, err)
		}
		time.Sleep(time.Hour)
		w.work()
		want := map[string]string{"r1@example.com": "unknown", "r2@example.com": "sent", "r3@example.com": "skipped", "r4@example.com": "skipped"}
		if diff := cmp.Diff(want, w.states()); diff != "" {
			w.Error(diff)
		}
		open, err := outbox.Open(context.Background(), w.db, "issue/1")
		counts, _ := outbox.Counts(context.Background(), w.db, "issue/1")
		if err != nil || open != 0 || !maps.Equal(counts, map[outbox.State]int{"unknown": 1, "sent": 1, "skipped": 2}) {
			w.Errorf("%d open, %v", open, counts)
		}
	})
}
