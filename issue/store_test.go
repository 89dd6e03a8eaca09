package issue

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/digesttest"
	"digest/feed"
)

func TestStatesMove(t *testing.T) {
	all := []State{StateDraft, Held, Approved, Sending, Done, Empty, Cancelled}
	legal := map[[2]State]bool{
		{StateDraft, Held}: true, {StateDraft, Approved}: true, {StateDraft, Empty}: true, {StateDraft, Cancelled}: true,
		{Held, Held}: true, {Held, Approved}: true, {Held, Empty}: true, {Held, Cancelled}: true,
		{Approved, Sending}: true, {Approved, Done}: true, {Sending, Done}: true, {Done, Sending}: true,
	}
	for _, from := range all {
		for _, to := range all {
			if from.CanBecome(to) != legal[[2]State{from, to}] {
				t.Errorf("%s to %s: %v", from, to, from.CanBecome(to))
			}
		}
		if from.Final() != (from == Done || from == Empty || from == Cancelled) {
			t.Errorf("%s is final: %v", from, from.Final())
		}
		if from.Frozen() != (from == Approved || from == Sending || from == Done) {
			t.Errorf("%s is frozen: %v", from, from.Frozen())
		}
	}
}

func TestChoose(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	pool := []feed.Post{{ID: 1, Published: day(1)}, {ID: 2, Published: day(3)}, {ID: 3, Published: day(2)}, {ID: 4, Published: day(3)}, {ID: 1, Published: day(1)}}
	var got []int64
	for _, p := range Choose(pool, map[int64]bool{3: true}) {
		got = append(got, p.ID)
	}
	if diff := cmp.Diff([]int64{4, 2, 1}, got); diff != "" {
		t.Error(diff)
	}
	if pool[0].ID != 1 {
		t.Error("the pool was sorted")
	}
}

var made = time.Date(2026, 3, 30, 7, 0, 1, 0, time.UTC)

func draft(key string, covers ...string) Issue {
	return Issue{
		Digest: "weekly", Kind: Scheduled, Made: made, Cut: made,
		Period: Period{Key: key, Start: made.AddDate(0, 0, -7), End: made.Add(-time.Second), Covers: covers},
	}
}

// in runs f in a transaction that is kept when f succeeds.
func in(t *testing.T, db *sql.DB, f func(ctx context.Context, tx *sql.Tx) error) error {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := f(t.Context(), tx); err != nil {
		return err
	}
	return tx.Commit()
}

func mustDraft(t *testing.T, db *sql.DB, i Issue, posts ...int64) Issue {
	t.Helper()
	err := in(t, db, func(ctx context.Context, tx *sql.Tx) (err error) {
		i, err = Draft(ctx, tx, i, posts)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestDraftIsReadBack(t *testing.T) {
	db := digesttest.NewDB(t)
	i := draft("2026-03-30", "2026-03-23", "2026-03-30")
	i.State, i.Reason, i.Subject, i.HTML, i.Proof, i.Hash = Held, "waiting", "s", "<p>", "p", "h"
	i = mustDraft(t, db, i, 7, 5, 6)
	got, err := Get(t.Context(), db, i.ID)
	if diff := cmp.Diff(i, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	posts, err := PostIDs(t.Context(), db, i.ID)
	if diff := cmp.Diff([]int64{7, 5, 6}, posts); err != nil || diff != "" {
		t.Error(err, diff)
	}
	used, err := Used(t.Context(), db, "weekly", []int64{4, 5, 6})
	if diff := cmp.Diff(map[int64]bool{5: true, 6: true}, used); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if used, err = Used(t.Context(), db, "monthly", []int64{5}); err != nil || len(used) > 0 {
		t.Error("used in another digest", used, err)
	}
	if _, err := Get(t.Context(), db, 99); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	held, ok, err := HeldScheduled(t.Context(), db, "weekly")
	if diff := cmp.Diff(i, held); !ok || err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, ok, err := HeldScheduled(t.Context(), db, "monthly"); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestPeriodIsAnsweredOnce(t *testing.T) {
	db := digesttest.NewDB(t)
	mustDraft(t, db, draft("2026-03-30", "2026-03-23", "2026-03-30"), 1)
	for _, key := range []string{"2026-03-30", "2026-03-23"} {
		err := in(t, db, func(ctx context.Context, tx *sql.Tx) error {
			_, err := Draft(ctx, tx, draft(key), []int64{2})
			return err
		})
		if !errors.Is(err, ErrPeriodTaken) {
			t.Errorf("%s: %v", key, err)
		}
	}
	other := draft("2026-03-30")
	other.Digest = "monthly"
	mustDraft(t, db, other, 1)
	issues, err := List(t.Context(), db, "", 0)
	if err != nil || len(issues) != 2 {
		t.Errorf("%d issues, %v", len(issues), err)
	}
}

func TestPostStandsInOneIssue(t *testing.T) {
	db := digesttest.NewDB(t)
	mustDraft(t, db, draft("2026-03-23"), 1, 2)
	err := in(t, db, func(ctx context.Context, tx *sql.Tx) error {
		_, err := Draft(ctx, tx, draft("2026-03-30"), []int64{3, 2})
		return err
	})
	if err == nil {
		t.Error("post 2 stands in two issues")
	}
}

func TestLast(t *testing.T) {
	db := digesttest.NewDB(t)
	if p, ok, err := Last(t.Context(), db, "weekly"); ok || err != nil {
		t.Errorf("%+v %v", p, err)
	}
	older := draft("2026-03-23")
	older.Period.End = made.AddDate(0, 0, -7)
	newer := draft("2026-03-30")
	newer.State = Empty
	newer = mustDraft(t, db, newer)
	mustDraft(t, db, older)
	past := draft("2027-02")
	past.Kind = Past
	mustDraft(t, db, past)
	p, ok, err := Last(t.Context(), db, "weekly")
	if err != nil || !ok || p.Key != newer.Period.Key || !p.End.Equal(newer.Period.End) {
		t.Errorf("%+v %v %v", p, ok, err)
	}
}

func TestLifeOfAnIssue(t *testing.T) {
	db, ctx := digesttest.NewDB(t), t.Context()
	i := mustDraft(t, db, draft("2026-03-30"), 1)
	step := func(what string, err error, want State) {
		t.Helper()
		got, getErr := Get(ctx, db, i.ID)
		if err != nil || getErr != nil || got.State != want {
			t.Fatalf("%s: %v %v %s", what, err, getErr, got.State)
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrState) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	step("hold", SetState(ctx, db, i.ID, []State{StateDraft}, Held, "waiting", made), Held)
	refused("hold a draft", SetState(ctx, db, i.ID, []State{StateDraft}, Held, "", made))
	step("hold again", SetState(ctx, db, i.ID, []State{StateDraft, Held}, Held, "by the author", made), Held)
	refused("approve without a number", SetState(ctx, db, i.ID, []State{Held}, Approved, "", made))
	refused("an illegal move", SetState(ctx, db, i.ID, []State{Held}, Done, "", made))
	refused("send what is held", MarkSending(ctx, db, i.ID))
	refused("end what is held", MarkDone(ctx, db, i.ID, made))
	step("prove", SetProof(ctx, db, i.ID, Proof{Subject: "s", HTML: "<p>", Text: "p", Hash: "h"}), Held)
	if err := Freeze(ctx, db, i.ID, 2, made); err == nil {
		t.Fatal("frozen as number 2 of none")
	}
	step("freeze", Freeze(ctx, db, i.ID, 1, made), Approved)
	refused("freeze twice", Freeze(ctx, db, i.ID, 2, made))
	refused("prove what is frozen", SetProof(ctx, db, i.ID, Proof{}))
	refused("cancel what is frozen", Cancel(ctx, db, i.ID, true, "", made))
	refused("extend what is frozen", Extend(ctx, db, i.ID, Period{Key: "2026-04-06"}, made, nil))
	step("send", MarkSending(ctx, db, i.ID), Sending)
	step("send on", MarkSending(ctx, db, i.ID), Sending)
	step("done", MarkDone(ctx, db, i.ID, made.Add(time.Hour)), Done)
	got, err := Get(ctx, db, i.ID)
	want := i
	want.State, want.Number, want.Approved, want.Done = Done, 1, made, made.Add(time.Hour)
	want.Subject, want.HTML, want.Proof, want.Hash = "s", "<p>", "p", "h"
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if n, err := NextNumber(ctx, db, "weekly"); n != 2 || err != nil {
		t.Errorf("next is %d, %v", n, err)
	}
	if n, err := NextNumber(ctx, db, "monthly"); n != 1 || err != nil {
		t.Errorf("next is %d, %v", n, err)
	}
	if err := MarkSending(ctx, db, 99); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestLatest(t *testing.T) {
	db, ctx := digesttest.NewDB(t), t.Context()
	if i, err := Latest(ctx, db, "weekly"); i.ID != 0 || err != nil {
		t.Errorf("%+v %v", i, err)
	}
	frozen := mustDraft(t, db, draft("2026-03-23"))
	if err := Freeze(ctx, db, frozen.ID, 1, made); err != nil {
		t.Fatal(err)
	}
	past := draft("2010-02")
	past.Kind, past.Cut = Past, made.AddDate(1, 0, 0)
	past = mustDraft(t, db, past)
	if err := Freeze(ctx, db, past.ID, 2, made); err != nil {
		t.Fatal(err)
	}
	held := draft("2026-03-30")
	held.State, held.Cut = Held, made.AddDate(0, 0, 7)
	mustDraft(t, db, held)
	if i, err := Latest(ctx, db, "weekly"); err != nil || i.ID != frozen.ID {
		t.Errorf("%+v %v", i, err)
	}
	if err := MarkDone(ctx, db, frozen.ID, made); err != nil {
		t.Fatal(err)
	}
	sendable, err := Sendable(ctx, db)
	if err != nil || len(sendable) != 1 || sendable[0].ID != past.ID {
		t.Errorf("%+v %v", sendable, err)
	}
}

func TestExtend(t *testing.T) {
	db, ctx := digesttest.NewDB(t), t.Context()
	i := draft("2026-03-23")
	i.State = Held
	i = mustDraft(t, db, i, 2, 1)
	p := Period{Key: "2026-04-06", Start: i.Period.End, End: made.AddDate(0, 0, 7), Covers: []string{"2026-03-30", "2026-04-06"}}
	err := in(t, db, func(ctx context.Context, tx *sql.Tx) error {
		return Extend(ctx, tx, i.ID, p, made.AddDate(0, 0, 8), []int64{4, 3})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := i
	want.Period = Period{Key: "2026-04-06", Start: i.Period.Start, End: p.End, Covers: []string{"2026-03-23", "2026-03-30", "2026-04-06"}}
	want.Cut = made.AddDate(0, 0, 8)
	got, err := Get(ctx, db, i.ID)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	posts, err := PostIDs(ctx, db, i.ID)
	if diff := cmp.Diff([]int64{4, 3, 2, 1}, posts); err != nil || diff != "" {
		t.Error(err, diff)
	}
	err = in(t, db, func(ctx context.Context, tx *sql.Tx) error {
		return Extend(ctx, tx, i.ID, p, made, nil)
	})
	if !errors.Is(err, ErrPeriodTaken) {
		t.Error(err)
	}
	if last, _, err := Last(ctx, db, "weekly"); err != nil || last.Key != "2026-04-06" {
		t.Errorf("%+v %v", last, err)
	}
}

func TestCancel(t *testing.T) {
	for _, c := range []struct {
		kind             Kind
		keep             bool
		used, periodFree bool
	}{
		{Scheduled, false, true, false},
		{Scheduled, true, false, false},
		{Past, false, true, false},
		{Past, true, false, true},
	} {
		db, ctx := digesttest.NewDB(t), t.Context()
		i := draft("2010-02")
		i.Kind = c.kind
		i = mustDraft(t, db, i, 1)
		if err := Cancel(ctx, db, i.ID, c.keep, "not this one", made); err != nil {
			t.Fatal(err)
		}
		used, err := Used(ctx, db, "weekly", []int64{1})
		if err != nil || used[1] != c.used {
			t.Errorf("%s, keep %v: used %v, %v", c.kind, c.keep, used, err)
		}
		err = in(t, db, func(ctx context.Context, tx *sql.Tx) error {
			_, err := Draft(ctx, tx, i, nil)
			return err
		})
		if errors.Is(err, ErrPeriodTaken) == c.periodFree {
			t.Errorf("%s, keep %v: the period is free: %v", c.kind, c.keep, err)
		}
		got, err := Get(ctx, db, i.ID)
		if err != nil || got.State != Cancelled || got.Reason != "not this one" || len(got.Period.Covers) != 1 {
			t.Errorf("%+v %v", got, err)
		}
	}
}
