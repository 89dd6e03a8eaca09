package digesttest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// course is a blog on its way through a migration.
type course struct {
	kind  blogKind
	style style
	posts []article // newest first
	last  int       // the number of the article written last
	r     *rand.Rand
	m     Migration
}

func begin(k blogKind, r *rand.Rand, start time.Time) *course {
	k.style.site = r.IntN(1_000_000)
	k.style.host = strings.Replace(k.style.host, "blog.", fmt.Sprintf("blog%d.", k.style.site), 1)
	c := &course{kind: k, style: k.style, posts: archive(k, 5*k.style.items/2, r, start.Add(-20*time.Hour)), r: r}
	c.last = len(c.posts)
	c.look(start, nil)
	c.look(start.Add(50*time.Hour), []article{c.next(start.Add(43*time.Hour), 0)})
	return c
}

// next is an article written at about the given moment, n places after the newest.
func (c *course) next(at time.Time, n int) article {
	c.last++
	return newArticle(c.kind, c.last, c.r, at.Add(time.Duration(n*3600+c.r.IntN(3000))*time.Second))
}

// look shows the blog with some new articles on top.
func (c *course) look(at time.Time, fresh []article) {
	var tokens []string
	for _, a := range fresh {
		tokens = append(tokens, a.token)
	}
	slices.Reverse(fresh)
	c.posts = append(slices.Clone(fresh), c.posts...)
	c.m.Looks = append(c.m.Looks, Look{At: at, Body: c.style.render(c.posts, at), New: tokens})
}

// fresh are the news of a look at the given moment.
func (c *course) fresh(n news, at time.Time) []article {
	written := 0
	return n.make(c.kind, c.style, c.posts, func() article {
		a := c.next(at.Add(-9*time.Hour), written)
		written++
		return a
	})
}

// migrate: two quiet looks, the changes with their news, and two more looks, one
// of them with a post that comes when all is over.
func migrate(k blogKind, some []change, n news, r *rand.Rand, start time.Time) Migration {
	c := begin(k, r, start)
	var names []string
	for _, do := range some {
		c.posts = cloned(c.posts)
		do.do(&c.style, c.posts)
		names = append(names, do.name)
	}
	at := start.Add(74 * time.Hour)
	c.look(at, c.fresh(n, at))
	c.look(at.Add(24*time.Hour), nil)
	c.look(at.Add(48*time.Hour), []article{c.next(at.Add(39*time.Hour), 0)})
	c.m.Name = strings.Join([]string{k.name, strings.Join(names, " + "), n.name}, " / ")
	return c.m
}

// vanish: posts are gone at a look, and back at the next with the news.
func vanish(k blogKind, what string, n news, r *rand.Rand, start time.Time) Migration {
	c := begin(k, r, start)
	at, all := start.Add(74*time.Hour), c.posts
	c.posts = slices.Concat(all[:1], all[4:])
	if what == "empty and full" {
		c.posts = nil
	}
	c.look(at, nil)
	c.posts = cloned(all)
	if what == "removed and returned with another GUID" {
		for i := range c.posts[1:4] {
			other := c.style
			other.guidSalt = "8"
			if other.guid == "url" || other.guid == "p" {
				other.guid = "hex"
			}
			c.posts[1+i].guid = other.guidOf(c.posts[1+i])
		}
	}
	c.look(at.Add(24*time.Hour), c.fresh(n, at.Add(24*time.Hour)))
	c.look(at.Add(48*time.Hour), nil)
	c.m.Name = strings.Join([]string{k.name, what, n.name}, " / ")
	return c.m
}

func cloned(list []article) []article {
	list = slices.Clone(list)
	for i := range list {
		list[i].words = slices.Clone(list[i].words)
	}
	return list
}
