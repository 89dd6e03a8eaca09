package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/feed"
)

func (d *door) feedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "feed",
		Short:   "the feed as the program sees it",
		Long:    "feed reads a feed without storing anything, lists what is stored, and lets you decide about posts kept back from mail.",
		Example: "  digest feed read https://blog.example.com/feed/\n  digest feed list --aside",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(d.feedReadCommand(), d.feedListCommand(), d.feedPollCommand(), d.feedReleaseCommand(), d.feedDismissCommand())
	return cmd
}

// postView is a post as --json prints it.
type postView struct {
	ID        string    `json:"id"` // the feed's own name for it, else its address
	Title     string    `json:"title"`
	URL       string    `json:"url"`
	Published time.Time `json:"published"`
	Updated   time.Time `json:"updated"`
	Dated     bool      `json:"dated"` // false: the feed gives no usable date, and the moment of the first look stands in for it
	Author    string    `json:"author"`
	Tags      []string  `json:"tags"`
	Summary   string    `json:"summary_html"`
	Content   string    `json:"content_html"`
	Image     string    `json:"image"`
}

func viewPost(p feed.Post) postView {
	id, tags := p.GUID, p.Tags
	if id == "" {
		id = p.URL
	}
	if tags == nil {
		tags = []string{}
	}
	return postView{id, p.Title, p.URL, p.Published.UTC(), p.Updated.UTC(), p.Dated(), p.Author, tags, p.Summary, p.Content, p.Image}
}

func (d *door) feedReadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "read FILE_OR_URL",
		Short: "fetch and parse a feed, store nothing",
		Long: `read shows the posts of a feed as the program sees them. It needs no config.
FEED_URL and FEED_CONTENT_TYPE in the environment stand in for the address and the HTTP header of a file.`,
		Example: "  digest feed read https://blog.example.com/feed/ --json\n  FEED_URL=https://blog.example.com/feed/ digest feed read saved.xml",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := d.readFeed(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			doc := from.doc
			d.tellDamage(doc)
			return d.tellPosts(doc.Posts, time.UTC)
		},
	}
}

func (d *door) feedListCommand() *cobra.Command {
	var limit int
	var aside bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "the posts that are stored, newest first",
		Long: `list shows the posts that are stored, and what becomes of each: waiting for the next issue, in an issue, baseline (it
stood in the feed before the start), set aside, looks old, dismissed, or gone from the feed.`,
		Example: "  digest feed list --json\n  digest feed list --aside",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return wrong("0 lists all of them", fmt.Errorf("--limit %d is no number of posts", limit))
			}
			h, err := d.look(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			posts, err := feed.All(cmd.Context(), h.db, limit)
			if aside {
				posts, err = h.KeptBack(cmd.Context(), d.now())
			}
			if err != nil {
				return err
			}
			return d.tellStored(cmd.Context(), h, posts)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most `N`; 0 = all")
	cmd.Flags().BoolVar(&aside, "aside", false, "those kept back until you decide, all of them")
	return cmd
}

// tellDamage says beside a document's posts that they may not be all.
func (d *door) tellDamage(doc feed.Document) {
	switch n := len(doc.Posts); {
	case !doc.Partial:
	case n == 1:
		fmt.Fprintln(d.err, "the feed is damaged: 1 post stands whole in it, others may be missing")
	default:
		fmt.Fprintf(d.err, "the feed is damaged: %d posts stand whole in it, others may be missing\n", n)
	}
}

// dayOf is the day a post was published, where the feed gives one.
func dayOf(p feed.Post, loc *time.Location) string {
	if !p.Dated() {
		return "—"
	}
	return p.Published.In(loc).Format(time.DateOnly)
}

func (d *door) tellPosts(posts []feed.Post, loc *time.Location) error {
	if d.json {
		views := make([]postView, len(posts))
		for i, p := range posts {
			views[i] = viewPost(p)
		}
		return d.printJSON(views)
	}
	if len(posts) == 0 {
		d.say("no posts")
		return nil
	}
	t := d.table("PUBLISHED", "TITLE", "TAGS", "ADDRESS")
	for _, p := range posts {
		t.row(dayOf(p, loc), p.Heading(), strings.Join(p.Tags, ", "), p.URL)
	}
	t.print()
	return nil
}
