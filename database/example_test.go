package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"digest/database"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	db, err := database.Create(ctx, filepath.Join(dir, "digest.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	err = database.Write(ctx, db, func(tx *sql.Tx) error {
		return database.SetSetting(ctx, tx, "greeting", "hello")
	})
	if err != nil {
		log.Fatal(err)
	}
	greeting, _, err := database.Setting(ctx, db, "greeting")
	fmt.Println(greeting, err)
	// Output: hello <nil>
}
