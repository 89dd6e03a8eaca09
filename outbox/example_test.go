package outbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"digest/database"
	"digest/outbox"
)

// A letter is kept, a mail is owed, and a courier takes it to the server.
func Example() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, now := context.Background(), time.Now()
	path := filepath.Join(dir, "digest.db")
	db, err := database.Create(ctx, path)
	if err != nil {
		panic(err)
	}
	defer db.Close()

	letter, err := outbox.AddLetter(ctx, db, "issue/12", []byte("Dear reader"), now)
	if err != nil {
		panic(err)
	}
	for range 2 { // owed twice is owed once
		if _, err := outbox.Owe(ctx, db, outbox.Owed{Mailing: "issue/12", Subscriber: 1, Letter: letter,
			Address: "reader@example.com", TokenVersion: 1}, now, now); err != nil {
			panic(err)
		}
	}
	courier := outbox.Courier{DB: db, Path: path, Dial: instant}
	sum, err := courier.Work(ctx)
	if err != nil {
		panic(err)
	}
	report, err := outbox.Audit(ctx, db)
	fmt.Println("sent:", sum.Sent, "owed:", report.Owed, "broken:", len(report.Broken), err)
	// Output: sent: 1 owed: 1 broken: 0 <nil>
}
