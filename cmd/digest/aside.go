package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/feed"
	"digest/newsletter"
)

// storedView is a stored post as --json prints it.
type storedView struct {
	postView
	Post      int64     `json:"post"` // its number here
	State     string    `json:"state"`
	Why       string    `json:"why,omitempty"`   // it is set aside
	Issue     int64     `json:"issue,omitempty"` // that it stands in
	FirstSeen time.Time `json:"first_seen"`
}

func (d *door) tellStored(ctx context.Context, h *house, posts []feed.Post) error {
	states, err := h.Standings(ctx, h.db, posts)
	if err != nil {
		return err
	}
	if d.json {
		return d.printJSON(viewStored(posts, states))
	}
	if len(posts) == 0 {
		d.say("no posts")
		return nil
	}
	t := d.table("ID", "PUBLISHED", "TITLE", "STATE", "TAGS", "ADDRESS")
	for _, p := range posts {
		t.row(strconv.FormatInt(p.ID, 10), dayOf(p, h.Zone()), p.Heading(), stateOf(p, states[p.ID]), strings.Join(p.Tags, ", "), p.URL)
	}
	t.print()
	return nil
}

func viewStored(posts []feed.Post, states map[int64]newsletter.PostStanding) []storedView {
	views := make([]storedView, len(posts))
	for i, p := range posts {
		s := states[p.ID]
		views[i] = storedView{viewPost(p), p.ID, string(s.State), p.Aside, s.Issue, p.FirstSeen}
	}
	return views
}

func stateOf(p feed.Post, s newsletter.PostStanding) string {
	switch s.State {
	case newsletter.PostUsed:
		return fmt.Sprintf("in issue %d", s.Issue)
	case newsletter.PostHeld:
		return fmt.Sprintf("in issue %d, held", s.Issue)
	case newsletter.PostAside:
		return "set aside: " + newsletter.Because(p.Aside)
	}
	return string(s.State)
}

func (d *door) feedReleaseCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "release ID…",
		Short: "let posts that were kept back into the next issue",
		Long: `release lets posts go into the next issue of each digest: those set aside, those that look old, and those of the
baseline. Name a post by its ID in ` + "`digest feed list`" + ` or by its address; --all = all that are set aside.`,
		Example: "  digest feed list --aside\n  digest feed release 12 13\n  digest feed release --all --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.decide(cmd.Context(), args, all, decision{"release", "IDs or --all", "dismiss", "released", "into the next issue", "waited for the next issue already"},
				func(h *house, posts []feed.Post) ([]feed.Post, error) {
					return h.Release(cmd.Context(), posts, d.now())
				})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all posts that are set aside")
	return cmd
}

func (d *door) feedDismissCommand() *cobra.Command {
	var all, gap bool
	cmd := &cobra.Command{
		Use:   "dismiss ID…",
		Short: "keep posts out of mail for good",
		Long: `dismiss makes posts known and mails them by no schedule. Name a post by its ID in ` + "`digest feed list`" + ` or by its
address; --all = all that are set aside; --gap ends the warning that posts may have been missed.`,
		Example: "  digest feed dismiss --all\n  digest feed dismiss https://blog.example.com/an-old-post\n  digest feed dismiss --gap",
		RunE: func(cmd *cobra.Command, args []string) error {
			if gap && !all && len(args) == 0 {
				return d.dismissGaps(cmd.Context())
			}
			if gap {
				return wrong("say --gap alone, then dismiss the posts", errors.New("--gap is about a feed, not about posts"))
			}
			return d.decide(cmd.Context(), args, all, decision{"dismiss", "IDs, --all or --gap", "release", "dismissed", "by no schedule", "was in no mail to come"},
				func(h *house, posts []feed.Post) ([]feed.Post, error) { return h.Dismiss(cmd.Context(), posts) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all posts that are set aside")
	cmd.Flags().BoolVar(&gap, "gap", false, "take note of posts that may have been missed")
	return cmd
}

// decision is the wording of what an author decides about posts.
type decision struct{ verb, needs, undo, done, where, already string }

func (d *door) decide(ctx context.Context, names []string, all bool, say decision, act func(*house, []feed.Post) ([]feed.Post, error)) error {
	const see = "`digest feed list --aside` shows posts with their IDs"
	if all == (len(names) > 0) {
		return wrong(see, fmt.Errorf("digest feed %s needs either %s", say.verb, say.needs))
	}
	h, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	posts, err := findPosts(ctx, h, names, all)
	if err != nil {
		return wrong(see, err)
	}
	changed, err := act(h, posts)
	if errors.Is(err, newsletter.ErrUsed) {
		return wrong("what stands in an issue is decided there: see `digest issue list`", err)
	}
	if errors.Is(err, newsletter.ErrNotLive) {
		return wrong(fmt.Sprintf("`%s` first; with --since DATE it lets the posts published since then in", d.typed("go-live")), err)
	}
	if err != nil {
		return err
	}
	return d.tellDecided(ctx, h, changed, say)
}

// decidedView is what an author decided about posts, as --json prints it.
type decidedView struct {
	DryRun bool         `json:"dry_run,omitempty"`
	Posts  []storedView `json:"posts"` // those that were changed, as they are now
	Undo   string       `json:"undo,omitempty"`
}

func (d *door) tellDecided(ctx context.Context, h *house, changed []feed.Post, say decision) error {
	undo := ""
	if len(changed) > 0 {
		undo = d.typed("feed %s %s", say.undo, strings.Trim(fmt.Sprint(postIDs(changed)), "[]"))
	}
	if d.json {
		states, err := h.Standings(ctx, h.db, changed)
		if err != nil {
			return err
		}
		return d.printJSON(decidedView{d.dryRun, viewStored(changed, states), undo})
	}
	if len(changed) == 0 {
		d.say("nothing was changed: %s", say.already)
		return nil
	}
	for _, p := range changed {
		d.say("%s: %q goes %s", say.done, printable(p.Heading()), say.where)
	}
	d.say("undo: %s", undo)
	return nil
}

// findPosts are the posts named on the command line, or all that are set aside.
func findPosts(ctx context.Context, h *house, names []string, all bool) ([]feed.Post, error) {
	if all {
		posts, err := feed.SetAside(ctx, h.db)
		if err == nil && len(posts) == 0 {
			err = errors.New("no post is set aside")
		}
		return posts, err
	}
	var posts []feed.Post
	for _, name := range names {
		p, err := h.FindPost(ctx, name)
		if err != nil {
			return nil, err
		}
		posts = append(posts, p)
	}
	return posts, nil
}

func (d *door) dismissGaps(ctx context.Context) error {
	h, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	closed, err := h.DismissGaps(ctx)
	if err != nil {
		return err
	}
	if d.json {
		urls := make([]string, len(closed))
		for i, f := range closed {
			urls[i] = shown(f.URL)
		}
		return d.printJSON(struct {
			DryRun bool     `json:"dry_run,omitempty"`
			Gaps   []string `json:"gaps"` // the feeds whose gap is no more spoken of
		}{d.dryRun, urls})
	}
	if len(closed) == 0 {
		d.say("nothing was changed: no feed has a gap")
	}
	for _, f := range closed {
		d.say("feed %s: the gap since %s is no more spoken of; there is no undo", shown(f.URL), local(f.GapSince, d.now(), h.Zone()))
	}
	return nil
}

func (d *door) feedPollCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "poll [URL]",
		Short:   "look at the feed now, whatever it waits for",
		Long:    "poll looks at the feeds of the config, or at one of them, even if it was told to wait or has stopped. It sends nothing.",
		Example: "  digest feed poll\n  digest feed poll https://blog.example.com/feed/",
		Args:    usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			polled, err := h.PollNow(cmd.Context(), d.now(), strings.Join(args, ""))
			if errors.Is(err, newsletter.ErrNoFeed) {
				return wrong("the feeds are the [[feed]] tables of the config", err)
			}
			if err != nil {
				return err
			}
			passed := newsletter.Passed{Polled: polled}
			if d.json {
				if err := d.printJSON(passedView(passed).Feeds); err != nil {
					return err
				}
			} else {
				for _, p := range polled {
					d.tellPolled(p, passed, true)
				}
			}
			if passed.FeedFailed() {
				return exit(exitPartly)
			}
			return nil
		},
	}
}

// feedStatusView is a feed as `status --json` prints it.
type feedStatusView struct {
	URL       string     `json:"url"`
	Read      *time.Time `json:"read,omitempty"`
	Failures  int        `json:"failures"`
	Failed    *time.Time `json:"failed_since,omitempty"`
	Error     string     `json:"error,omitempty"`
	Next      *time.Time `json:"next,omitempty"` // not asked before
	Stopped   bool       `json:"stopped,omitempty"`
	Damaged   bool       `json:"damaged,omitempty"`  // when it was read last: some posts may be missing
	MovedTo   string     `json:"moved_to,omitempty"` // an address proposed by permanent redirects
	GapSince  *time.Time `json:"gap_since,omitempty"`
	GapMissed int        `json:"gap_missed,omitempty"`
}

func viewFeeds(feeds []feed.Feed) []feedStatusView {
	views := make([]feedStatusView, len(feeds))
	for i, f := range feeds {
		views[i] = feedStatusView{shown(f.URL), optional(f.Read), f.Failures, optional(f.FailedSince), shown(printable(f.Error)), optional(f.Next),
			f.Stopped, f.Damaged, f.Proposal(), optional(f.GapSince), f.GapMissed}
	}
	return views
}

type asideView struct {
	Post      int64     `json:"post"`
	Title     string    `json:"title"`
	URL       string    `json:"url"`
	Why       string    `json:"why"`
	FirstSeen time.Time `json:"first_seen"`
}

func viewAside(posts []feed.Post) []asideView {
	views := make([]asideView, len(posts))
	for i, p := range posts {
		views[i] = asideView{p.ID, p.Title, p.URL, p.Aside, p.FirstSeen}
	}
	return views
}

func postIDs(posts []feed.Post) []int64 {
	ids := make([]int64, len(posts))
	for i, p := range posts {
		ids[i] = p.ID
	}
	return ids
}
