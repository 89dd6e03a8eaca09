package demo

import (
	"bufio"
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/textproto"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed posts/*.html
var written embed.FS

// What the sample blog says about itself.
const (
	blogTitle   = "Small Hours"
	blogTagline = "A log of the night sky, kept from a back garden"
	blogAuthor  = "Wren"
)

// Post is one post of the sample blog.
type Post struct {
	Slug      string    // the last part of its address: /posts/Slug
	Title     string    // empty for the one without a title
	Published time.Time // UTC, whole seconds
	Tags      []string
	Summary   string        // one or two sentences, plain text
	HTML      template.HTML // the whole post; addresses absolute
}

// Link is the post's address below the blog's.
func (p Post) Link() string { return "/posts/" + p.Slug }

// Blog is a small blog about the night sky: twelve posts over ten weeks. It
// shows the posts published up to a moment, which can be moved. It is safe
// for concurrent use.
//
//	GET /               the newest posts
//	GET /feed.xml       RSS 2.0 with whole posts; ETag, Last-Modified, 304
//	GET /posts/SLUG     one post
//	GET /images/NAME    a picture, drawn when first asked for
type Blog struct {
	base     string
	posts    []Post // newest first
	pages    *template.Template
	pictures map[string]func() ([]byte, error)
	mux      *http.ServeMux

	mu    sync.Mutex
	until time.Time
}

// NewBlog returns the blog as it is at now, the newest post some hours old.
// base is the address it will be served at, such as "http://127.0.0.1:8081".
func NewBlog(base string, now time.Time) (*Blog, error) {
	base = strings.TrimSuffix(base, "/")
	posts, err := readPosts(written, base, now)
	if err != nil {
		return nil, err
	}
	b := &Blog{base: base, posts: posts, until: now, mux: http.NewServeMux(), pictures: drawings()}
	b.pages, err = template.New("").Funcs(template.FuncMap{
		"day": func(t time.Time) string { return t.Format("2 January 2006") },
	}).ParseFS(pages, "blog.html")
	if err != nil {
		return nil, fmt.Errorf("reading the sample blog's pages: %w", err)
	}
	b.mux.HandleFunc("GET /{$}", b.home)
	b.mux.HandleFunc("GET /feed.xml", b.feed)
	b.mux.HandleFunc("GET /posts/{slug}", b.post)
	b.mux.HandleFunc("GET /images/{name}", b.image)
	return b, nil
}

func (b *Blog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	b.mux.ServeHTTP(w, r)
}

// Set moves the moment up to which the blog shows its posts, so that a first
// read finds the older ones and a later read finds new ones.
func (b *Blog) Set(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = until
}

// Visible lists the posts published at or before a moment, newest first.
func (b *Blog) Visible(until time.Time) []Post {
	i := slices.IndexFunc(b.posts, func(p Post) bool { return !p.Published.After(until) })
	if i < 0 {
		return nil
	}
	return slices.Clone(b.posts[i:])
}

func (b *Blog) current() []Post {
	b.mu.Lock()
	until := b.until
	b.mu.Unlock()
	return b.Visible(until)
}

// Title is the name of the blog.
func (b *Blog) Title() string { return blogTitle }

// FeedURL is the address of the feed.
func (b *Blog) FeedURL() string { return b.base + "/feed.xml" }

// readPosts reads the posts, newest first. Each file starts with a header:
// Title, Tags, Summary, and Age, which is how long before now it was written.
func readPosts(files fs.FS, base string, now time.Time) ([]Post, error) {
	names, err := fs.Glob(files, "posts/*.html")
	if err != nil {
		return nil, fmt.Errorf("listing the sample posts: %w", err)
	}
	var posts []Post
	for _, name := range names {
		p, err := readPost(files, name, base, now)
		if err != nil {
			return nil, fmt.Errorf("reading the sample post %s: %w", name, err)
		}
		posts = append(posts, p)
	}
	slices.SortFunc(posts, func(a, b Post) int {
		return cmp.Or(b.Published.Compare(a.Published), cmp.Compare(a.Slug, b.Slug))
	})
	return posts, nil
}

func readPost(files fs.FS, name, base string, now time.Time) (Post, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return Post{}, err
	}
	r := bufio.NewReader(bytes.NewReader(data))
	header, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil {
		return Post{}, err
	}
	age, err := time.ParseDuration(header.Get("Age"))
	if err != nil {
		return Post{}, err
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return Post{}, err
	}
	return Post{
		Slug:      strings.TrimSuffix(path.Base(name), ".html"),
		Title:     header.Get("Title"),
		Published: now.Add(-age).UTC().Truncate(time.Second),
		Tags:      strings.Split(header.Get("Tags"), ", "),
		Summary:   header.Get("Summary"),
		// Our own words: only their addresses are completed.
		HTML: template.HTML(strings.NewReplacer(`src="/`, `src="`+base+`/`, `href="/`, `href="`+base+`/`).Replace(string(body))),
	}, nil
}

// blogPage is what blog.html shows: all posts on the home page, or one.
type blogPage struct {
	Title, Tagline, Author string
	Posts                  []Post
	Post                   *Post // nil: the home page
}

func (b *Blog) home(w http.ResponseWriter, _ *http.Request) {
	b.page(w, blogPage{Posts: b.current()})
}

func (b *Blog) post(w http.ResponseWriter, r *http.Request) {
	posts := b.current()
	i := slices.IndexFunc(posts, func(p Post) bool { return p.Slug == r.PathValue("slug") })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	b.page(w, blogPage{Post: &posts[i]})
}

func (b *Blog) page(w http.ResponseWriter, p blogPage) {
	p.Title, p.Tagline, p.Author = blogTitle, blogTagline, blogAuthor
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src * data:; base-uri 'none'; form-action 'none'")
	// An error here is the browser gone; there is nobody to tell.
	_ = b.pages.ExecuteTemplate(w, "blog.html", p)
}

func (b *Blog) image(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	draw, ok := b.pictures[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	body, err := draw()
	if err != nil {
		http.Error(w, "drawing the picture failed", http.StatusInternalServerError)
		return
	}
	if path.Ext(name) == ".png" {
		w.Header().Set("Content-Type", "image/png")
	} else {
		w.Header().Set("Content-Type", "image/jpeg")
	}
	w.Header().Set("Cache-Control", "max-age=3600")
	serve(w, r, body, time.Time{})
}
