package web

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/database"
	"digest/digesttest"
	"digest/issue"
	"digest/newsletter"
	"digest/subscribers"
)

// world is a newsletter on a real database with a few readers:
// ada (weekly) and bob (weekly and monthly) are active, cy and eve asked to
// join, dee has left. Issue 1 has gone out, issue 2 is held.
type world struct {
	t     testing.TB
	n     *newsletter.Newsletter
	clock *digesttest.Clock
	h     http.Handler
	vars  map[string]string // "$ada.leave" and so on: the last part of their links
	wakes int
	log   strings.Builder
}

// settings keeps newsletter's facts where the command keeps them.
type settings struct{ db *sql.DB }

func (s settings) Get(ctx context.Context, key string) (string, bool, error) {
	return database.Setting(ctx, s.db, key)
}

func (s settings) Set(ctx context.Context, key, value string) error {
	return database.SetSetting(ctx, s.db, key, value)
}

func (s settings) Drop(ctx context.Context, key string) error {
	return database.DropSetting(ctx, s.db, key)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, path := digesttest.NewDBPath(t)
	w := &world{t: t, clock: &digesttest.Clock{}, vars: map[string]string{}}
	w.clock.Set(time.Date(2024, 5, 2, 12, 0, 0, 0, time.UTC))
	w.n = &newsletter.Newsletter{
		DB: db, Path: path, Secret: []byte(strings.Repeat("k", 32)), Settings: settings{db}, Instance: "here",
		Config: config.Config{
			Site: config.Site{
				Name: "Harbour <Letters>", Blog: "https://blog.example.com", PublicURL: "https://news.example.com",
				Address: "12 Quay Street\nHamburg", Language: "en",
			},
			Digests: []config.Digest{
				digest(t, "weekly", issue.Spec{Every: "week", On: "monday", At: "09:00", Timezone: "Europe/Berlin"}),
				digest(t, "monthly", issue.Spec{Every: "month", On: "1", At: "09:00", Timezone: "Europe/Berlin"}),
			},
		},
	}
	w.must(w.n.Settings.Set(context.Background(), "live", "here"))
	w.open()
	w.people()
	w.issues()
	return w
}

// open makes the handler from the newsletter as it is now.
func (w *world) open() {
	s := &Site{
		Newsletter: w.n, Now: w.clock.Now, Wake: func() { w.wakes++ },
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	w.h = s.Handler()
}

func digest(t testing.TB, name string, spec issue.Spec) config.Digest {
	t.Helper()
	schedule, err := issue.ParseSchedule(spec)
	if err != nil {
		t.Fatal(err)
	}
	return config.Digest{Name: name, Schedule: schedule}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) people() {
	ctx, now := context.Background(), w.clock.Now()
	for _, p := range []struct {
		name, digest string
		state        subscribers.State
	}{
		{"ada", "weekly", subscribers.Active},
		{"bob", "weekly", subscribers.Active},
		{"dee", "monthly", subscribers.Active},
		{"cy", "weekly", subscribers.Pending},
		{"eve", "monthly", subscribers.Pending},
	} {
		address, err := subscribers.ParseAddress(p.name + "@example.com")
		w.must(err)
		s, _, err := subscribers.Add(ctx, w.n.DB, w.n.Secret, subscribers.Joining{
			Address: address, Digest: p.digest, State: p.state, Source: "test",
		}, now)
		w.must(err)
		for _, purpose := range []subscribers.Purpose{subscribers.PurposeLeave, subscribers.PurposePreferences} {
			w.vars[p.name+"."+string(purpose)] = w.n.Link(purpose, s.ID, s.TokenVersion)
		}
		if p.state == subscribers.Pending {
			w.vars[p.name+".confirm"], err = subscribers.NewConfirmation(ctx, w.n.DB, s, p.digest, now)
			w.must(err)
		}
		if p.name == "bob" {
			w.must(subscribers.SetDigests(ctx, w.n.DB, s.ID, []string{"weekly", "monthly"}, now))
		}
	}
	w.must(w.n.Leave(ctx, w.vars["dee.leave"], "test", now))
}

// issues puts in what a run would have made.
func (w *world) issues() {
	for i, state := range []string{"done", "held"} {
		at := w.clock.Now().AddDate(0, 0, 7*i-3).Unix()
		_, err := w.n.DB.Exec(`
			INSERT INTO issues (digest, number, kind, period, period_start, period_end, cut, state, subject, html, made_at)
			VALUES ('weekly', $1, 'scheduled', $2, $3, $3, $3, $4, $5, $6, $3)`,
			1-i, fmt.Sprintf("2024-W%d", 18+i), at, state, "The tide & the "+state+" letter",
			"<!doctype html><title>Issue</title><h1>Words of the "+state+" issue</h1>")
		w.must(err)
	}
}

// expand replaces "$ada.leave" by what it stands for.
func (w *world) expand(s string) string {
	for name, value := range w.vars {
		s = strings.ReplaceAll(s, "$"+name, value)
	}
	return s
}

// state is a reader's state, and the digests they get.
func (w *world) state(name string) string {
	w.t.Helper()
	var state, digests string
	err := w.n.DB.QueryRow(`
		SELECT state, coalesce((SELECT group_concat(digest, '+') FROM
			(SELECT digest FROM subscriptions WHERE subscriber_id = s.id ORDER BY digest DESC)), '')
		FROM subscribers s WHERE address = $1`, name+"@example.com").Scan(&state, &digests)
	if err == sql.ErrNoRows {
		return "unknown"
	}
	w.must(err)
	return strings.TrimSpace(state + " " + digests)
}

// owed counts the mails on the ledger.
func (w *world) owed() (n int) {
	w.t.Helper()
	w.must(w.n.DB.QueryRow(`SELECT count(*) FROM deliveries`).Scan(&n))
	return n
}

// hash is over every row of every table.
func (w *world) hash() string {
	w.t.Helper()
	sum := sha256.New()
	for _, table := range w.column(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`) {
		fmt.Fprintln(sum, table)
		w.rows(sum, table)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (w *world) column(query string) (all []string) {
	rows, err := w.n.DB.Query(query)
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		var s string
		w.must(rows.Scan(&s))
		all = append(all, s)
	}
	w.must(rows.Err())
	return all
}

func (w *world) rows(to io.Writer, table string) {
	rows, err := w.n.DB.Query(`SELECT * FROM "` + table + `" ORDER BY 1, 2`)
	w.must(err)
	defer rows.Close()
	names, err := rows.Columns()
	w.must(err)
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		w.must(rows.Scan(into...))
		fmt.Fprintf(to, "%v\n", values)
	}
	w.must(rows.Err())
}

// ask serves one request without a network between.
func (w *world) ask(r *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec.Result()
}

func (w *world) get(path string) (*http.Response, string) {
	return w.send(http.MethodGet, path, "", "")
}

func (w *world) post(path, body string) (*http.Response, string) {
	return w.send(http.MethodPost, path, "application/x-www-form-urlencoded", body)
}

func (w *world) send(method, path, kind, body string) (*http.Response, string) {
	w.t.Helper()
	r := httptest.NewRequest(method, "https://news.example.com"+w.expand(path), strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	res := w.ask(r)
	text, err := io.ReadAll(res.Body)
	w.must(err)
	return res, string(text)
}
