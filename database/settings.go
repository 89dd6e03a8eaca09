package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

const secretKey = "secret"

// Setting returns the value kept under key, and whether there is one.
func Setting(ctx context.Context, q Querier, key string) (string, bool, error) {
	var value string
	err := q.QueryRowContext(ctx, "SELECT value FROM settings WHERE key = $1", key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading setting %s: %w", key, err)
	}
	return value, true, nil
}

// SetSetting keeps value under key, in place of an older one.
func SetSetting(ctx context.Context, q Querier, key, value string) error {
	_, err := q.ExecContext(ctx,
		"INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
		key, value)
	if err != nil {
		return fmt.Errorf("keeping setting %s: %w", key, err)
	}
	return nil
}

// DropSetting forgets key. It is no error when there is none.
func DropSetting(ctx context.Context, q Querier, key string) error {
	if _, err := q.ExecContext(ctx, "DELETE FROM settings WHERE key = $1", key); err != nil {
		return fmt.Errorf("dropping setting %s: %w", key, err)
	}
	return nil
}

// Secret returns the 32 bytes Create made: the HMAC key of every link mailed
// and of every suppressed address. It never changes, or those would be void.
func Secret(ctx context.Context, q Querier) ([]byte, error) {
	text, ok, err := Setting(ctx, q, secretKey)
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(text)
	if !ok || err != nil || len(secret) != 32 {
		return nil, fmt.Errorf("reading the secret: %w", ErrCorrupt)
	}
	return secret, nil
}

func makeSecret(ctx context.Context, q Querier) error {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails (crypto/rand)
	return SetSetting(ctx, q, secretKey, hex.EncodeToString(secret))
}

// Settings is the settings table of a database, outside any transaction.
type Settings struct{ DB *sql.DB }

// Get is Setting.
func (s Settings) Get(ctx context.Context, key string) (string, bool, error) {
	return Setting(ctx, s.DB, key)
}

// Set is SetSetting.
func (s Settings) Set(ctx context.Context, key, value string) error {
	return SetSetting(ctx, s.DB, key, value)
}

// Drop is DropSetting.
func (s Settings) Drop(ctx context.Context, key string) error {
	return DropSetting(ctx, s.DB, key)
}
