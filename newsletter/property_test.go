package newsletter_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"digest/config"
	"digest/digesttest"
	"digest/issue"
	"digest/newsletter"
	"digest/subscribers"
)

// life is a world and what we know about it without asking it.
type life struct {
	*world
	rt      *rapid.T
	readers map[string][]string // active ones, and their digests
	left    map[string]int      // those who left, and how many mails they had by then
	unread  map[string]bool     // posts on the blog that no good poll has seen yet
	seen    map[string]bool     // those that one has
	gone    map[string]bool     // posts that were removed: in an issue only if it was made before that was sure
	owed    map[string]bool     // "issue/1 ann@…" for everyone who was a reader at its freeze
	guests  int
}

// TestRandomWeeks lets posts appear, change and vanish, readers come and go,
// feeds fail and runs break off between any two of their steps. Whatever comes:
// each post that was seen stands in one issue of each digest, or was removed
// before, each reader of a
// freeze is owed that issue once, and nobody is mailed after leaving.
func TestRandomWeeks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &life{
			world: newWorld(t, both(t), func(c *config.Config) {
				c.Digests[0].Approval = rapid.SampledFrom([]string{"none", "required"}).Draw(rt, "approval")
			}),
			rt: rt, readers: map[string][]string{}, left: map[string]int{},
			unread: map[string]bool{}, seen: map[string]bool{}, gone: map[string]bool{}, owed: map[string]bool{},
		}
		l.clock.Advance(51 * time.Hour)
		l.goLive(newsletter.GoingLive{})
		l.join()
		for range rapid.IntRange(5, 25).Draw(rt, "steps") {
			l.step()
			l.clock.Advance(time.Duration(rapid.IntRange(0, 60).Draw(rt, "hours")) * time.Hour)
		}
		l.finish()
		l.check()
	})
}

func (l *life) step() {
	switch rapid.IntRange(0, 11).Draw(l.rt, "step") {
	case 0, 1, 2:
		l.unread[l.write()] = true
	case 3:
		n := rapid.IntRange(0, 1000).Draw(l.rt, "edit")
		l.blog.Edit(func(e *digesttest.Entry) { e.Content += fmt.Sprintf("<p>Edit %d.</p>", n) })
	case 4:
		if l.posts > 0 {
			n := rapid.IntRange(1, l.posts).Draw(l.rt, "vanish")
			l.blog.Remove(fmt.Sprintf("guid-%d", n))
			delete(l.unread, fmt.Sprintf("Post %d", n))
			l.gone[fmt.Sprintf("Post %d", n)] = true
		}
	case 5:
		l.join()
	case 6:
		l.leave()
	case 7:
		l.blog.Answer(digesttest.Status(500, ""))
		l.pass(3)
	case 8:
		l.approveHeld()
	default:
		l.pass(rapid.IntRange(1, 3).Draw(l.rt, "until"))
	}
}

func (l *life) join() {
	l.guests++
	name := fmt.Sprintf("guest%d", l.guests)
	digest := rapid.SampledFrom([]string{"weekly", "monthly"}).Draw(l.rt, "digest")
	l.world.join(name, digest)
	l.readers[name] = []string{digest}
}

func (l *life) leave() {
	if len(l.readers) == 0 {
		return
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(l.readers))).Draw(l.rt, "leaves")
	addr, err := subscribers.ParseAddress(address(name))
	l.must(err)
	s, _, err := subscribers.Find(l.ctx, l.DB, addr)
	l.must(err)
	l.must(l.Leave(l.ctx, l.Link(subscribers.PurposeLeave, s.ID, s.TokenVersion), "test", l.clock.Now()))
	l.left[name] = len(l.got(name))
	delete(l.readers, name)
}

// pass is a run that breaks off after polling (1), after publishing (2), or not at all (3).
func (l *life) pass(until int) {
	polled, err := l.Poll(l.ctx, l.clock.Now())
	l.must(err)
	if polled[0].Err == nil {
		maps.Copy(l.seen, l.unread)
		clear(l.unread)
	}
	if until == 1 {
		return
	}
	made, err := l.Publish(l.ctx, l.clock.Now())
	l.must(err)
	for _, m := range made {
		l.frozen(m)
	}
	if until == 3 {
		_, err := l.Deliver(l.ctx, l.clock.Now)
		l.must(err)
	}
}

// frozen notes who is a reader at this moment.
func (l *life) frozen(m newsletter.Made) {
	if !m.Issue.State.Frozen() {
		return
	}
	for name, digests := range l.readers {
		if slices.Contains(digests, m.Issue.Digest) {
			l.owed[fmt.Sprintf("issue/%d %s", m.Issue.ID, address(name))] = true
		}
	}
}

func (l *life) approveHeld() {
	for _, d := range l.Config.Digests {
		held, ok, err := issue.HeldScheduled(l.ctx, l.DB, d.Name)
		l.must(err)
		if !ok {
			continue
		}
		made, err := l.Approve(l.ctx, held.ID, "", l.clock.Now())
		if changed := (*newsletter.ChangedError)(nil); asChanged(err, &changed) {
			made, err = l.Approve(l.ctx, held.ID, "", l.clock.Now())
		}
		l.must(err)
		l.frozen(made)
	}
}

// finish lets every post have its issue.
func (l *life) finish() {
	for range 3 {
		l.pass(3)
		l.approveHeld()
		l.pass(3)
		l.clock.Advance(32 * 24 * time.Hour)
	}
	l.pass(3)
	l.approveHeld()
	l.pass(3)
}

func (l *life) check() {
	fail := func(what string, got, want []string) {
		if !slices.Equal(got, want) {
			l.rt.Fatalf("%s: got %q, want %q", what, got, want)
		}
	}
	for _, digest := range []string{"weekly", "monthly"} {
		used := l.column(`SELECT title FROM issue_posts JOIN posts ON posts.id = post_id WHERE digest = $1 ORDER BY title`, digest)
		want := slices.Sorted(maps.Keys(l.seen))
		fail("posts in issues of "+digest, used, slices.DeleteFunc(want, func(title string) bool {
			return l.gone[title] && !slices.Contains(used, title)
		}))
	}
	fail("mails owed",
		slices.Sorted(slices.Values(l.column(`SELECT mailing || ' ' || address FROM deliveries WHERE generation = 0`))),
		slices.Sorted(maps.Keys(l.owed)))
	for name, n := range l.left {
		if got := len(l.got(name)); got != n {
			l.rt.Fatalf("%s had %d mails when leaving, and has %d", name, n, got)
		}
	}
	var sent []string
	for _, r := range l.sink.Accepted() {
		sent = append(sent, r.To)
	}
	slices.Sort(sent)
	fail("mails sent", sent, l.column(`SELECT address FROM deliveries WHERE state = 'sent' ORDER BY address`))
	if bad := l.column(`SELECT id || ' ' || state FROM deliveries WHERE state NOT IN ('sent', 'skipped', 'expired')`); len(bad) > 0 {
		l.rt.Fatalf("left open: %q", bad)
	}
	a, err := l.Audit(l.ctx)
	l.must(err)
	if len(a.Broken) > 0 {
		l.rt.Fatalf("the audit is broken: %s", strings.Join(a.Broken, "; "))
	}
}
