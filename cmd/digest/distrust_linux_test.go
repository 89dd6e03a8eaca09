package main

import (
	"database/sql"
	"strings"
	"testing"

	"digest/database"
	"digest/outbox"
)

// TestServeDistrusts lets the disk fail under a daemon, and gives one a damaged
// file: it ends, says so, and sends nothing more; the next run goes on once the
// file is found good.
func TestServeDistrusts(t *testing.T) {
	t.Run("the disk fails", func(t *testing.T) {
		t.Parallel()
		w := newScene(t, plot{readers: 5, approved: true, inDoubt: outbox.Ask})
		e := w.startWith([]string{at(loseDisk, outbox.PointAfterMark, 3, "")}, "serve").end(t)
		if e.code != exitFailed || strings.Count(e.stderr, "hint: look at the disk") != 1 {
			t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
		}
		if n := len(w.sink.Accepted()); n != 3 {
			t.Errorf("%d mails were taken", n)
		}
		w.outcome(outbox.Ask, 3, fate{marked: true, accepted: true})
	})
	t.Run("the file is damaged", func(t *testing.T) {
		t.Parallel()
		w := newScene(t, plot{readers: 5, approved: true, inDoubt: outbox.Ask})
		w.startWith([]string{at(beKilled, outbox.PointBeforeMark, 3, "")}, "run").end(t)
		w.misindex()
		for _, command := range []string{"serve", "run"} {
			e := w.run(command)
			if e.code != exitFailed || !strings.Contains(e.stderr, "the database is damaged: ") || !strings.Contains(e.stderr, "hint: stop everything") {
				t.Errorf("%s: exit code %d: %s%s", command, e.code, e.stdout, e.stderr)
			}
		}
		if n := len(w.sink.Accepted()); n != 2 {
			t.Errorf("%d mails were taken", n)
		}
	})
}

// misindex makes an index of the file contradict its table, in a way that only reading all of it finds.
func (w *scene) misindex() {
	w.Helper()
	db, err := database.Open(w.Context(), w.path("digest.db"))
	check(w.T, err)
	defer db.Close()
	check(w.T, database.Write(w.Context(), db, func(tx *sql.Tx) error {
		_, err := tx.Exec(`PRAGMA writable_schema = ON;
			UPDATE sqlite_schema SET sql = 'CREATE INDEX consents_subscriber ON consents (at)' WHERE name = 'consents_subscriber'`)
		return err
	}))
}
