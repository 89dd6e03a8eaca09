package newsletter

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"digest/mailer"
)

// Notice is something the author is told once.
type Notice struct {
	Key     string // names the occasion: "feed 1 broken since 1767225600"
	Subject string // one line
	Text    string // plain; empty lines part paragraphs
}

// note leaves a notice within the caller's transaction, unless one with its key
// was left before. It says whether it is new.
func note(ctx context.Context, tx *sql.Tx, notice Notice, now time.Time) (bool, error) {
	res, err := tx.ExecContext(ctx, `
		INSERT INTO notices (key, subject, text, made_at) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING`,
		notice.Key, plainLine(notice.Subject, 200), strings.ToValidUTF8(notice.Text, ""), now.Unix())
	if err != nil {
		return false, fmt.Errorf("leaving a notice: %w", err)
	}
	rows, err := res.RowsAffected()
	return rows > 0, err
}

// takeBack deletes the notice with this key unless it has reached the author,
// since what it says is over. It tells whether it has.
func takeBack(ctx context.Context, tx *sql.Tx, key string) (told bool, err error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM notices WHERE key = $1 AND told_at IS NULL`, key); err != nil {
		return false, fmt.Errorf("taking a notice back: %w", err)
	}
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM notices WHERE key = $1)`, key).Scan(&told); err != nil {
		return false, fmt.Errorf("finding a notice: %w", err)
	}
	return told, nil
}

// lastNoted is when the latest notice whose key starts so was left, now at the
// latest; zero = none was.
func lastNoted(ctx context.Context, tx *sql.Tx, start string, now time.Time) (time.Time, error) {
	var at sql.NullInt64
	err := tx.QueryRowContext(ctx, `SELECT max(made_at) FROM notices WHERE substr(key, 1, length($1)) = $1 AND made_at <= $2`, start, now.Unix()).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("finding a notice: %w", err)
	}
	if !at.Valid {
		return time.Time{}, nil
	}
	return time.Unix(at.Int64, 0).UTC(), nil
}

// mailsAuthor: there is somebody to tell, and somebody who carries it. What init
// writes as an example is neither.
func (n *Newsletter) mailsAuthor() bool {
	return n.Config.Author.Email != "" && !slices.ContainsFunc(n.Config.ExampleValues(), func(key string) bool {
		return key == "[author] email" || key == "[mail] from" || key == "[mail] smtp"
	})
}

// untold are the notices nobody was mailed yet, oldest first, and their IDs.
func (n *Newsletter) untold(ctx context.Context) ([]Notice, []int64, error) {
	return notices(ctx, n.DB, `told_at IS NULL`)
}

// noticesAfter are the notices left after the one with this ID, oldest first.
func noticesAfter(ctx context.Context, q Querier, id int64) ([]Notice, error) {
	all, _, err := notices(ctx, q, `id > $1`, id)
	return all, err
}

// notices are the first hundred of which a condition holds, oldest first, and
// their IDs.
func notices(ctx context.Context, q Querier, where string, args ...any) (all []Notice, ids []int64, err error) {
	rows, err := q.QueryContext(ctx, `SELECT id, key, subject, text FROM notices WHERE `+where+` ORDER BY id LIMIT 100`, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("reading notices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var notice Notice
		var id int64
		if err := rows.Scan(&id, &notice.Key, &notice.Subject, &notice.Text); err != nil {
			return nil, nil, fmt.Errorf("reading notices: %w", err)
		}
		all, ids = append(all, notice), append(ids, id)
	}
	return all, ids, rows.Err()
}

// lastNotice is the ID of the notice left last; 0 = none was.
func lastNotice(ctx context.Context, q Querier) (id int64, err error) {
	if err := q.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM notices`).Scan(&id); err != nil {
		return 0, fmt.Errorf("finding the last notice: %w", err)
	}
	return id, nil
}

// tell mails the author all that is untold, in one mail. unreached is why it did
// not arrive: then the next pass tries again. The mark comes after the server's
// answer, so a crash between the two tells twice: of a broken feed it is better
// to hear twice than never.
func (n *Newsletter) tell(ctx context.Context, now time.Time) (unreached, err error) {
	if !n.mailsAuthor() {
		return nil, nil
	}
	all, ids, err := n.untold(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	offer, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := n.send(offer, n.alarm(all), n.authorReader(n.Config.Author.Email, now)); err != nil {
		level := slog.LevelError
		if known, _ := n.Troubles(ctx); len(known) > 0 {
			level = slog.LevelInfo // that the server takes no mail is told already
		}
		n.log().Log(ctx, level, "telling the author", "notices", len(all), "error", err)
		return fmt.Errorf("telling the author: %w", err), nil
	}
	list, err := json.Marshal(ids)
	if err == nil {
		_, err = n.DB.ExecContext(context.WithoutCancel(ctx), `
			UPDATE notices SET told_at = $1 WHERE id IN (SELECT value FROM json_each($2))`, now.Unix(), string(list))
	}
	if err != nil {
		return nil, fmt.Errorf("recording what the author was told: %w", err)
	}
	return nil, nil
}

// alarm is the mail that holds these notices.
func (n *Newsletter) alarm(all []Notice) mailer.Letter {
	letter := mailer.Letter{From: n.from(), Subject: all[0].Subject, Plain: true}
	if len(all) > 1 {
		letter.Subject = fmt.Sprintf("%s, and %d more", all[0].Subject, len(all)-1)
	}
	var text strings.Builder
	for i, notice := range all {
		if i > 0 {
			text.WriteString("\n----\n\n")
		}
		if len(all) > 1 {
			text.WriteString(notice.Subject + "\n\n")
		}
		text.WriteString(strings.TrimSpace(notice.Text) + "\n")
	}
	fmt.Fprintf(&text, "\n-- \ndigest, for %s\n", n.Config.Site.Name)
	letter.Text = text.String()
	return letter
}

// reached delivers the pass's notices by mail, and keeps why it could not: that
// fails no pass.
func (n *Newsletter) reached(ctx context.Context, passed Passed, now time.Time) (Passed, error) {
	if passed.ClockOff != 0 {
		return passed, nil // its Date would be wrong
	}
	unreached, err := n.tell(ctx, now)
	passed.Unreached, passed.Told = unreached, unreached == nil && n.mailsAuthor()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return passed, err
}

// plainLine makes a stranger's words one line of at most max characters that can
// stand in a header and on a terminal.
func plainLine(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > max {
		s = string(runes[:max-1]) + "…"
	}
	return s
}
