package main

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"digest/outbox"
)

// TestChangedMidIssue changes everything there is to change while an issue is
// half sent: who was owed it gets it as it was frozen, at the address it was
// owed to; who came later gets the next.
func TestChangedMidIssue(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{readers: 6, approved: true})
	if e := w.startWith([]string{at(beKilled, outbox.PointOffered, 3, "")}, "run").end(t); e.code != -1 {
		t.Fatalf("it did not die: %d", e.code)
	}
	text, err := os.ReadFile(w.path("digest.toml"))
	check(t, err)
	w.write("digest.toml", strings.NewReplacer(`"A Blog"`, `"Another Name"`, `"headline"`, `"full"`, "1 Road, Town", "2 Street, City").Replace(string(text)))
	w.write("feed.xml", rss(item{"Something else", "Altogether.", january[0].date}))
	const moved, late = "moved@readers.test", "late@readers.test"
	change(t, w.path("digest.db"), fmt.Sprintf(`UPDATE subscribers SET address = '%s', address_key = '%[1]s' WHERE address = '%s'`, moved, reader(4)))
	w.must(0, "subscribers", "erase", reader(5))
	w.must(0, "subscribers", "unsubscribe", reader(6))
	w.must(0, "subscribers", "add", late, "--confirmed")
	w.must(0, "run")

	want := map[string]int{reader(1): 1, reader(2): 1, reader(3): 1, reader(4): 1}
	copies := w.sink.Copies()
	delete(copies, author)
	if fmt.Sprint(copies) != fmt.Sprint(want) {
		t.Errorf("copies %v, want %v", copies, want)
	}
	var texts []string
	for _, r := range w.sink.Accepted() {
		if r.To == author {
			continue
		}
		body := textOf(t, r.Data)
		if strings.Contains(body, "Another") || strings.Contains(body, "Altogether") || !strings.Contains(body, "1 Road, Town") {
			t.Errorf("%s got what was never frozen: %s", r.To, body)
		}
		before, _, _ := strings.Cut(body, "/leave/") // what follows is personal
		before = strings.ReplaceAll(before, r.To, "")
		texts = append(texts, before)
	}
	if len(slices.Compact(texts)) != 1 {
		t.Errorf("readers got %d different texts", len(slices.Compact(texts)))
	}
	if s := w.audit(); s[outbox.Sent] != 4 || s[outbox.Skipped] != 2 {
		t.Errorf("states %v", s)
	}
	w.next(2)
	w.must(0, "run")
	for _, to := range []string{reader(4), reader(5), reader(6)} {
		want[to] = 0
	}
	got := w.sink.Copies()
	if got[moved] != 1 || got[late] != 1 || got[reader(4)] != 1 || got[reader(5)]+got[reader(6)] != 0 || got[reader(1)] != 2 {
		t.Errorf("copies %v after the next issue", got)
	}
	w.audit()
}

// TestUpgradeMidIssue lets this version find what the one before left when it
// died: a mail whose dot may be out, with its attempt open, mails claimed, and
// a schema without what this one keeps.
func TestUpgradeMidIssue(t *testing.T) {
	for point, doubts := range map[string]int{outbox.PointOffered: 0, outbox.PointAfterMark: 1, outbox.PointAfterDot: 1} {
		bothPolicies(t, point, func(t *testing.T, policy outbox.Policy) {
			w := newScene(t, plot{readers: 6, inDoubt: policy, approved: true})
			if e := w.startWith([]string{at(beKilled, point, 3, "")}, "run").end(t); e.code != -1 {
				t.Fatalf("it did not die: %d", e.code)
			}
			w.downgrade()
			before := w.sink.Copies()
			w.must(w.endsWith(policy, doubts), "run")
			w.at = w.at.Add(31 * time.Minute)
			w.must(0, "run")
			w.settled(policy, 1)
			for n := range w.from.readers {
				to, most := reader(n+1), 1
				if n == 2 && point == outbox.PointAfterDot && policy == outbox.Repeat {
					most = 2
				}
				least := 1
				if n == 2 && doubts == 1 && policy == outbox.Ask {
					least = before[to]
				}
				if got := w.sink.Copies()[to]; got > most || got < least {
					t.Errorf("%s has %d copies, want %d to %d", to, got, least, most)
				}
			}
		})
	}
}

// endsWith is the exit code of a run that finds mails in doubt.
func (w *scene) endsWith(policy outbox.Policy, doubts int) int {
	switch {
	case doubts == 0:
		return 0
	case policy == outbox.Ask:
		return exitPerson
	}
	return exitPartly // to be repeated later
}

// downgrade makes the database what the version before this one would have
// left: its schema, the same rows, and an open attempt for each dot that may
// be out.
func (w *scene) downgrade() {
	w.Helper()
	old, path := w.path("old.db"), w.path("digest.db")
	change(w.T, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	check(w.T, os.Rename(path, old))
	os.Remove(path + "-wal")
	os.Remove(path + "-shm")
	db, err := sql.Open("sqlite", path)
	check(w.T, err)
	db.SetMaxOpenConns(1)
	do := func(query string, args ...any) {
		w.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			w.Fatalf("%s: %v", query, err)
		}
	}
	var id int64
	do("ATTACH $1 AS new", old)
	check(w.T, db.QueryRow("PRAGMA new.application_id").Scan(&id))
	do(fmt.Sprintf("PRAGMA main.application_id = %d", id))
	do("PRAGMA main.journal_mode = WAL")
	for _, name := range []string{"00001_house.sql", "00002_feed.sql"} {
		text, err := os.ReadFile("../../database/migrations/" + name)
		check(w.T, err)
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		do(up)
	}
	var version string
	check(w.T, db.QueryRow("SELECT sql FROM new.sqlite_schema WHERE name = 'goose_db_version'").Scan(&version))
	do(version)
	for _, table := range texts(w.T, db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
		columns := strings.Join(texts(w.T, db, "SELECT name FROM pragma_table_info('"+table+"', 'main')"), ", ")
		do(fmt.Sprintf("INSERT INTO main.%s (%s) SELECT %[2]s FROM new.%[1]s", table, columns))
	}
	do("DELETE FROM main.goose_db_version WHERE version_id > 2")
	do(`INSERT INTO main.attempts (delivery_id, epoch, dotting_at) SELECT id, epoch, changed_at FROM main.deliveries WHERE state = 'dotting'`)
	do("DETACH new")
	check(w.T, db.Close())
	check(w.T, os.Chmod(path, 0o600))
	check(w.T, os.Remove(old))
}

func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	check(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		check(t, rows.Scan(&s))
		all = append(all, s)
	}
	check(t, rows.Err())
	return all
}
