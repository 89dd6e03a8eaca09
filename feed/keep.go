package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Poll is what one look at a feed found.
type Poll struct {
	New      []Post    // with their IDs, in the document's order
	Baseline bool      // the first good look: New is all there is, and none of it is to be mailed by itself
	Aside    []Post    // of New, those set aside; their Aside says why
	Gap      bool      // no post was known, so that posts may have been missed since the last good look
	Missed   int       // with Gap: about how many, by the blog's pace
	Since    time.Time // the last good look before this one; zero = none
}

// ErrNoPosts says that a document holds no post, though the feed has shown some:
// a site that is rebuilt, or broken, answers so. The look is to be counted as
// failed (see [Failed]).
var ErrNoPosts = errors.New("the feed holds no posts any more")

// Hash is what [Feed].BodyHash holds of a body: hex SHA-256.
func Hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Keep stores what doc brings, within the caller's transaction. New posts are
// added, baseline at the first good look at f; known ones take over what was
// edited but keep their ID, date and first look. More new ones than the blog's
// pace explains are set aside (see [Post].Aside), and old ones that are shown
// only now are baseline, too. Nothing is ever removed: a post gone from the feed
// stays, its Missing is counted, and it comes back as itself. Keep again of the
// same document changes nothing. It returns [ErrNoPosts], and has changed
// nothing, when doc is empty although posts are stored.
func Keep(ctx context.Context, q Querier, f Feed, doc Document, a Answer, now time.Time) (Poll, error) {
	// Read again inside the transaction: of two first looks at once one is the first.
	f, err := scanFeed(q.QueryRowContext(ctx, `SELECT `+feedColumns+` FROM feeds WHERE id = $1`, f.ID).Scan)
	if err != nil {
		return Poll{}, fmt.Errorf("finding the feed: %w", err)
	}
	poll := Poll{Baseline: f.Read.IsZero(), Since: f.Read}
	k, err := newKeeper(ctx, q, f, now)
	if err != nil {
		return Poll{}, err
	}
	if len(doc.Posts) == 0 && len(k.owners) > 0 {
		return Poll{}, ErrNoPosts
	}
	fresh, keys := distinct(doc.Posts)
	ids, err := k.match(ctx, fresh, keys)
	if err != nil {
		return Poll{}, err
	}
	for i := range fresh {
		fresh[i].ID = ids[i]
	}
	v := verdict{trusted: !doc.Partial && len(fresh) > 0}
	if !poll.Baseline {
		if v, err = k.judge(ctx, f, fresh, doc.Partial); err != nil {
			return Poll{}, err
		}
		poll.Gap, poll.Missed = v.gap, v.missed
	}
	for i := 0; i < len(fresh); i += keepAtOnce {
		end := min(i+keepAtOnce, len(fresh))
		added, err := k.keep(ctx, fresh[i:end], keys[i:end], ids[i:end], poll.Baseline)
		if err != nil {
			return Poll{}, err
		}
		poll.New = append(poll.New, added...)
	}
	for _, p := range poll.New {
		if p.Aside != "" {
			poll.Aside = append(poll.Aside, p)
		}
	}
	if err := k.settle(ctx, f, v, fresh, poll); err != nil {
		return Poll{}, err
	}
	return poll, readWell(ctx, q, f, doc, a, v.trusted, now)
}

// keepAtOnce is how many posts are compared with their stored selves at a time:
// one query for each would take longer, one for all would hold them twice.
const keepAtOnce = 500

// keeper stores posts of one feed.
type keeper struct {
	q      Querier
	feed   int64
	now    time.Time
	since  time.Time        // the good look before this one, or before the feed's open gap
	owners map[string]int64 // whose a key is
}

func newKeeper(ctx context.Context, q Querier, f Feed, now time.Time) (keeper, error) {
	owners, err := keyOwners(ctx, q, f.ID)
	since := f.Read
	if !f.GapSince.IsZero() {
		since = f.GapSince
	}
	return keeper{q: q, feed: f.ID, now: seconds(now), since: since, owners: owners}, err
}

// owner is the post a key belongs to, 0 for one that is nobody's, or several posts'.
func (k keeper) owner(key string) int64 {
	if k.owners["shared:"+key] != 0 {
		return 0
	}
	return k.owners[key]
}

// keep stores these posts, each with its keys and the ID that match found for
// it; the new ones as baseline, and set aside, as they say themselves or
// baseline says of all. It returns those that are new.
func (k keeper) keep(ctx context.Context, posts []Post, keys [][]string, ids []int64, baseline bool) (added []Post, err error) {
	stored, err := byID(ctx, k.q, ids)
	if err != nil {
		return nil, err
	}
	var claims []claim
	for i, p := range posts {
		p.FeedID, p.Baseline = k.feed, p.Baseline || baseline
		// The day of an undated post is the day of this look, which says nothing
		// later on; Keys has seen to that, so FirstSeen may be set now.
		if !isDated(p) {
			p.Published, p.Updated = k.now, k.now
		}
		p.FirstSeen, p.Released, p.UnreadSince = k.now, time.Time{}, k.since
		if p.ID = ids[i]; p.ID == 0 {
			if p.ID, err = insertPost(ctx, k.q, p); err != nil {
				return nil, err
			}
			added = append(added, p)
		} else if stored[p.ID], err = updatePost(ctx, k.q, stored[p.ID], p); err != nil {
			return nil, err
		}
		claims = append(claims, k.claims(keys[i], p.ID)...)
	}
	return added, keepKeys(ctx, k.q, k.feed, claims)
}

// claim is a key and the post it belongs to from now on.
type claim struct {
	Key  string `json:"k"`
	Post int64  `json:"p"`
}

// claims are the keys nobody has yet: a post is known by all it was ever seen under.
func (k keeper) claims(keys []string, id int64) (list []claim) {
	for _, key := range keys {
		if k.owners[key] == 0 {
			k.owners[key] = id
			list = append(list, claim{key, id})
		}
	}
	return list
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// keyOwners are the keys of a feed and whose they are. One query for all of them
// is far cheaper than one for each of ten thousand posts.
func keyOwners(ctx context.Context, q Querier, feedID int64) (map[string]int64, error) {
	rows, err := q.QueryContext(ctx, `SELECT key, post_id FROM post_keys WHERE feed_id = $1`, feedID)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of posts: %w", err)
	}
	defer rows.Close()
	owners := map[string]int64{}
	for rows.Next() {
		var key string
		var id int64
		if err := rows.Scan(&key, &id); err != nil {
			return nil, fmt.Errorf("reading the keys of posts: %w", err)
		}
		owners[key] = id
	}
	return owners, rows.Err()
}

func insertPost(ctx context.Context, q Querier, p Post) (int64, error) {
	var id int64
	err := q.QueryRowContext(ctx, `
		INSERT INTO posts (feed_id, title, url, author, tags, summary_html, content_html, image, published_at, updated_at, first_seen, baseline, aside, unread_since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id`,
		p.FeedID, p.Title, p.URL, p.Author, tagsJSON(p.Tags), p.Summary, p.Content, p.Image,
		p.Published.Unix(), p.Updated.Unix(), p.FirstSeen.Unix(), p.Baseline, p.Aside, unix(p.UnreadSince)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("storing a post: %w", err)
	}
	return id, nil
}

// updatePost takes over what changed, and returns the post as it is stored then.
// Published stays: a rebuilt site dates everything anew. What is gone from the
// feed stays too, but for the tags.
func updatePost(ctx context.Context, q Querier, was, p Post) (Post, error) {
	if was.ID == 0 {
		return Post{}, fmt.Errorf("updating a post: post %d has keys but no row", p.ID)
	}
	next := was
	next.Title, next.URL, next.Author = first(p.Title, was.Title), first(p.URL, was.URL), first(p.Author, was.Author)
	next.Summary, next.Content, next.Image = first(p.Summary, was.Summary), first(p.Content, was.Content), first(p.Image, was.Image)
	next.Tags = p.Tags
	if p.Updated.After(was.Updated) && isDated(p) {
		next.Updated = p.Updated
	}
	if next.Title == was.Title && next.URL == was.URL && next.Author == was.Author && next.Summary == was.Summary && next.Content == was.Content &&
		next.Image == was.Image && next.Updated.Equal(was.Updated) && slices.Equal(next.Tags, was.Tags) {
		return was, nil
	}
	_, err := q.ExecContext(ctx, `
		UPDATE posts SET title = $2, url = $3, author = $4, tags = $5, summary_html = $6, content_html = $7, image = $8, updated_at = $9 WHERE id = $1`,
		next.ID, next.Title, next.URL, next.Author, tagsJSON(next.Tags), next.Summary, next.Content, next.Image, next.Updated.Unix())
	if err != nil {
		return Post{}, fmt.Errorf("updating a post: %w", err)
	}
	return next, nil
}

func keepKeys(ctx context.Context, q Querier, feedID int64, claims []claim) error {
	if len(claims) == 0 {
		return nil
	}
	list, err := json.Marshal(claims)
	if err == nil {
		_, err = q.ExecContext(ctx, `
			INSERT INTO post_keys (feed_id, key, post_id)
			SELECT $1, value ->> 'k', value ->> 'p' FROM json_each($2) WHERE true ON CONFLICT DO NOTHING`, feedID, string(list))
	}
	if err != nil {
		return fmt.Errorf("storing the keys of posts: %w", err)
	}
	return nil
}

// readWell records a good look: what the feed says of itself, and the validators
// for the next one. A document that is damaged, empty or another blog's leaves no
// validators, so that it is fetched whole next time: only of a trusted one does
// an unchanged answer say that a post is still missing.
func readWell(ctx context.Context, q Querier, f Feed, doc Document, a Answer, trusted bool, now time.Time) error {
	f.Title, f.Link, f.Language = first(doc.Title, f.Title), first(doc.Link, f.Link), first(doc.Language, f.Language)
	f.ETag, f.LastModified, f.BodyHash = a.ETag, a.LastModified, Hash(a.Body)
	if !trusted {
		f.ETag, f.LastModified, f.BodyHash = "", "", ""
	}
	_, err := q.ExecContext(ctx, `
		UPDATE feeds SET title = $2, link = $3, language = $4, etag = $5, last_modified = $6, body_hash = $7,
			checked_at = $8, read_at = $8, failures = 0, error = '' WHERE id = $1`,
		f.ID, f.Title, f.Link, f.Language, strings.ToValidUTF8(f.ETag, ""), strings.ToValidUTF8(f.LastModified, ""), f.BodyHash, now.Unix())
	if err != nil {
		return fmt.Errorf("recording the look at the feed: %w", err)
	}
	return nil
}
