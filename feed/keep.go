package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Poll is what one look at a feed found.
type Poll struct {
	Feed        Feed      // as stored afterwards
	New         []Post    // with their IDs, in the document's order
	Baseline    bool      // the first good look: New is all there is, and none of it is to be mailed by itself
	NotModified bool      // filled in by who asks with validators, not by Keep
	Date        time.Time // the server's clock; zero = unknown
}

// Hash is what [Feed].BodyHash holds of a body: hex SHA-256.
func Hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Keep stores what doc brings, within the caller's transaction. New posts are
// added, baseline at the first good look at f; known ones take over what was
// edited but keep their ID, date and first look. Nothing is ever removed: a post
// gone from the feed stays, and comes back as itself. Keep again of the same
// document changes nothing.
func Keep(ctx context.Context, q Querier, f Feed, doc Document, a Answer, now time.Time) (Poll, error) {
	// Read again inside the transaction: of two first looks at once one is the first.
	f, err := scanFeed(q.QueryRowContext(ctx, `SELECT `+feedColumns+` FROM feeds WHERE id = $1`, f.ID).Scan)
	if err != nil {
		return Poll{}, fmt.Errorf("finding the feed: %w", err)
	}
	poll := Poll{Baseline: f.Read.IsZero(), Date: a.Date}
	owners, err := keyOwners(ctx, q, f.ID)
	if err != nil {
		return Poll{}, err
	}
	fresh, keys := distinct(doc.Posts)
	for i, p := range fresh {
		p.FeedID, p.Baseline = f.ID, poll.Baseline
		// The day of an undated post is the day of this look, which says nothing
		// later on; Keys has seen to that, so FirstSeen may be set now.
		if !isDated(p) {
			p.Published, p.Updated = seconds(now), seconds(now)
		}
		p.FirstSeen, p.Released = seconds(now), time.Time{}
		p.ID = known(keys[i], func(key string) int64 { return owners[key] })
		if p.ID == 0 {
			if p.ID, err = insertPost(ctx, q, p); err != nil {
				return Poll{}, err
			}
			poll.New = append(poll.New, p)
		} else if err := updatePost(ctx, q, p); err != nil {
			return Poll{}, err
		}
		if err := keepKeys(ctx, q, p, keys[i], owners); err != nil {
			return Poll{}, err
		}
	}
	poll.Feed, err = readWell(ctx, q, f, doc, a, now)
	return poll, err
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
		INSERT INTO posts (feed_id, title, url, author, tags, summary_html, content_html, image, published_at, updated_at, first_seen, baseline)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`,
		p.FeedID, p.Title, p.URL, p.Author, tagsJSON(p.Tags), p.Summary, p.Content, p.Image,
		p.Published.Unix(), p.Updated.Unix(), p.FirstSeen.Unix(), p.Baseline).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("storing a post: %w", err)
	}
	return id, nil
}

// updatePost takes over what changed. Published stays: a rebuilt site dates
// everything anew. What is gone from the feed stays too, but for the tags.
func updatePost(ctx context.Context, q Querier, p Post) error {
	old, err := ByID(ctx, q, []int64{p.ID})
	if err != nil {
		return err
	}
	if len(old) == 0 {
		return fmt.Errorf("updating a post: post %d has keys but no row", p.ID)
	}
	was := old[0]
	p.Title, p.URL, p.Author = first(p.Title, was.Title), first(p.URL, was.URL), first(p.Author, was.Author)
	p.Summary, p.Content, p.Image = first(p.Summary, was.Summary), first(p.Content, was.Content), first(p.Image, was.Image)
	if !p.Updated.After(was.Updated) || !isDated(p) {
		p.Updated = was.Updated
	}
	if p.Title == was.Title && p.URL == was.URL && p.Author == was.Author && p.Summary == was.Summary && p.Content == was.Content &&
		p.Image == was.Image && p.Updated.Equal(was.Updated) && slices.Equal(p.Tags, was.Tags) {
		return nil
	}
	_, err = q.ExecContext(ctx, `
		UPDATE posts SET title = $2, url = $3, author = $4, tags = $5, summary_html = $6, content_html = $7, image = $8, updated_at = $9 WHERE id = $1`,
		p.ID, p.Title, p.URL, p.Author, tagsJSON(p.Tags), p.Summary, p.Content, p.Image, p.Updated.Unix())
	if err != nil {
		return fmt.Errorf("updating a post: %w", err)
	}
	return nil
}

// keepKeys gives a post the keys nobody has yet: it is known by all it was ever
// seen under.
func keepKeys(ctx context.Context, q Querier, p Post, keys []string, owners map[string]int64) error {
	for _, key := range keys {
		if owners[key] != 0 {
			continue
		}
		_, err := q.ExecContext(ctx, `INSERT INTO post_keys (feed_id, key, post_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, p.FeedID, key, p.ID)
		if err != nil {
			return fmt.Errorf("storing the keys of a post: %w", err)
		}
		owners[key] = p.ID
	}
	return nil
}

// readWell records a good look: what the feed says of itself, and the validators
// for the next one. A damaged document leaves no validators, so that it is
// fetched whole next time.
func readWell(ctx context.Context, q Querier, f Feed, doc Document, a Answer, now time.Time) (Feed, error) {
	f.Title, f.Link, f.Language = first(doc.Title, f.Title), first(doc.Link, f.Link), first(doc.Language, f.Language)
	f.ETag, f.LastModified, f.BodyHash = a.ETag, a.LastModified, Hash(a.Body)
	if doc.Partial {
		f.ETag, f.LastModified, f.BodyHash = "", "", ""
	}
	f.Checked, f.Read, f.Failures, f.Error = seconds(now), seconds(now), 0, ""
	_, err := q.ExecContext(ctx, `
		UPDATE feeds SET title = $2, link = $3, language = $4, etag = $5, last_modified = $6, body_hash = $7,
			checked_at = $8, read_at = $8, failures = 0, error = '' WHERE id = $1`,
		f.ID, f.Title, f.Link, f.Language, strings.ToValidUTF8(f.ETag, ""), strings.ToValidUTF8(f.LastModified, ""), f.BodyHash, now.Unix())
	if err != nil {
		return Feed{}, fmt.Errorf("recording the look at the feed: %w", err)
	}
	return f, nil
}
