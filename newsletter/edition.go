package newsletter

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"digest/config"
	"digest/feed"
	"digest/issue"
	"digest/templates"
)

// rendered is an issue as it would go now.
type rendered struct {
	digest config.Digest
	number int
	posts  []feed.Post
	mail   templates.Mail
	text   string // of the mail, as a reader would get it; the slots filled for the author
	page   string // what `view online` shows: nothing personal in it
}

// render makes an issue's mail and page from its posts as they are told now.
// The same issue, posts and config give the same bytes, whenever it is asked:
// an approval names them by their hash.
func (n *Newsletter) render(ctx context.Context, q Querier, i issue.Issue) (rendered, error) {
	d, err := n.digest(i.Digest)
	if err != nil {
		return rendered{}, err
	}
	r := rendered{digest: d, number: i.Number}
	if r.number == 0 {
		if r.number, err = issue.NextNumber(ctx, q, d.Name); err != nil {
			return rendered{}, err
		}
	}
	if r.posts, err = n.posts(ctx, q, i.ID); err != nil {
		return rendered{}, err
	}
	e := n.edition(d, i, r.number, r.posts)
	if r.mail, err = templates.Render(d.Theme, e); err != nil {
		return rendered{}, fmt.Errorf("rendering issue %d: %w", i.ID, err)
	}
	if _, r.text, err = n.letter(d, i, r.mail).Fill(n.authorReader(n.authorAddress(), i.Made)); err != nil {
		return rendered{}, fmt.Errorf("filling issue %d: %w", i.ID, err)
	}
	if r.page, err = templates.Page(e); err != nil {
		return rendered{}, fmt.Errorf("rendering the page of issue %d: %w", i.ID, err)
	}
	return r, nil
}

func (r rendered) proof() issue.Proof {
	sum := sha256.New()
	for _, part := range []string{r.mail.Subject, r.mail.HTML, r.mail.Text} {
		fmt.Fprintf(sum, "%d\n%s", len(part), part)
	}
	return issue.Proof{
		Subject: r.mail.Subject,
		HTML:    r.page,
		Text:    "Subject: " + r.mail.Subject + "\n\n" + r.text,
		Hash:    hex.EncodeToString(sum.Sum(nil))[:16],
	}
}

// prove renders an issue, without the posts that are gone by now, and puts the
// proof on record.
func (n *Newsletter) prove(ctx context.Context, q Querier, i issue.Issue) (issue.Issue, error) {
	if err := n.dropGone(ctx, q, i); err != nil {
		return i, err
	}
	r, err := n.render(ctx, q, i)
	if err != nil {
		return i, err
	}
	p := r.proof()
	if err := issue.SetProof(ctx, q, i.ID, p); err != nil {
		return i, err
	}
	i.Subject, i.HTML, i.Proof, i.Hash = p.Subject, p.HTML, p.Text, p.Hash
	return i, nil
}

func (n *Newsletter) site() templates.Site {
	s := n.Config.Site
	return templates.Site{Name: s.Name, BlogURL: s.Blog, PublicURL: s.PublicURL, Address: s.Address, Language: s.Language}
}

func (n *Newsletter) edition(d config.Digest, i issue.Issue, number int, posts []feed.Post) templates.Edition {
	e := templates.Edition{
		Site:            n.site(),
		Digest:          d.Name,
		Number:          number,
		Period:          issue.Label(i.Period, i.Kind, d.Schedule.Location()),
		Date:            i.Period.End,
		Location:        d.Schedule.Location(),
		Posts:           posts,
		Show:            d.Show,
		SubjectTemplate: d.Subject,
		Mark:            n.mark(i.ID),
	}
	if base := n.Config.Site.PublicURL; base != "" {
		e.Links = templates.Links{View: fmt.Sprintf("%s/issues/%d", base, i.ID), Subscribe: base + "/subscribe"}
	}
	return e
}

// mark begins every personal slot of a letter. Nobody who writes a feed can
// know it, so no post can forge a slot; and it is the same each time, so that a
// proof has one hash.
func (n *Newsletter) mark(issue int64) string {
	mac := hmac.New(sha256.New, n.Secret)
	fmt.Fprintf(mac, "mark/%d", issue)
	return "slot" + hex.EncodeToString(mac.Sum(nil))[:16]
}
