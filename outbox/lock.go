package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld says that another courier has the lock of this database.
var ErrHeld = errors.New("another courier holds the lock")

// ErrDamaged says that the file did not pass the check that follows a courier's bad end. No mail left.
var ErrDamaged = errors.New("the database is damaged")

// The ballast is freed when the disk is full.
const (
	ballastSize  = 8 << 20   // more than the outcomes of every mail in flight can need
	ballastLeast = 256 << 10 // on a small disk: those of some hundred
)

// Lock is the right to send, held by one process at a time. Its epoch is above that of every courier before it.
type Lock struct {
	Epoch   int64
	file    *os.File
	db      *sql.DB
	suspect bool // the disk failed: the next courier is to look at the file first
}

// Take takes the lock of the database at path, or returns an error that wraps ErrHeld and names the holder. In one
// transaction it then enters the courier and recovers what a dead one left: what was claimed is owed again, what was
// dotting is in doubt. It answers how many came into doubt. Where the courier before did not end well, it first reads
// the whole file (PRAGMA integrity_check, about a second per 100 MB) and refuses a damaged one.
func Take(ctx context.Context, db *sql.DB, path string, p Policy, now time.Time) (*Lock, int, error) {
	file, err := flock(path+".lock", func() { time.Sleep(askFor) })
	if err != nil {
		return nil, 0, err
	}
	l := &Lock{file: file, db: db}
	doubts, err := l.enter(ctx, path, p, now)
	if err != nil {
		unlock(file)
		return nil, 0, err
	}
	return l, doubts, nil
}

// askFor is ample for one who only asks whether a courier is at work; see locked.
const askFor = 20 * time.Millisecond

// flock takes the lock at the second try, where it does not get it at the first: whoever had it may only have asked.
func flock(name string, pause func()) (*os.File, error) {
	file, err := openLock(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("opening lock: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		pause()
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil {
		return file, nil
	}
	_, pid, _ := stamp(name)
	file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w (process %d)", ErrHeld, pid)
	}
	return nil, fmt.Errorf("locking %s: %w", name, err)
}

// openLock refuses what is no regular file, and does not wait for anybody at the other end of it.
func openLock(name string, how int) (*os.File, error) {
	file, err := os.OpenFile(name, how|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// enter writes the epoch to the database first: a crash between the two leaves a lock file that is behind, which
// means nothing, and never one that is ahead, which means that the database is a copy put back.
func (l *Lock) enter(ctx context.Context, path string, p Policy, now time.Time) (int, error) {
	if err := ballast(path + ".ballast"); err != nil {
		return 0, err
	}
	last, _, err := stamp(l.file.Name())
	if err != nil && !errors.Is(err, errStamp) {
		return 0, err
	}
	if err := trust(ctx, l.db); err != nil {
		return 0, err
	}
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("entering courier: %w", err)
	}
	defer tx.Rollback()
	epoch, err := Epoch(ctx, tx)
	if err != nil {
		return 0, err
	}
	l.Epoch = max(epoch, last) + 1
	if _, err := tx.ExecContext(ctx, `INSERT INTO couriers (epoch, pid, started_at, suspect) VALUES ($1, $2, $3, 1)`,
		l.Epoch, os.Getpid(), now.Unix()); err != nil {
		return 0, fmt.Errorf("entering courier: %w", err)
	}
	doubts, err := Recover(ctx, tx, l.Epoch, p, now)
	if err != nil {
		return 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("entering courier: %w", err)
	}
	return doubts, l.write()
}

// trust checks the file where the courier before died or its disk failed: after a failed fsync the kernel may have
// dropped what it could not write, and nothing tells which pages. The connections that are open then are closed first,
// so that what they remember of the file does not vouch for it.
func trust(ctx context.Context, db *sql.DB) error {
	var suspect bool
	err := db.QueryRowContext(ctx, `SELECT suspect FROM couriers ORDER BY epoch DESC LIMIT 1`).Scan(&suspect)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !suspect {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading how the last courier ended: %w", err)
	}
	db.SetMaxIdleConns(0)
	db.SetMaxIdleConns(max(1, db.Stats().MaxOpenConnections))
	var answer string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&answer); err != nil {
		return fmt.Errorf("checking the database after a courier that did not end well: %w", err)
	}
	if answer != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, answer)
	}
	return nil
}

func (l *Lock) write() error {
	text := fmt.Appendf(nil, "%d %d\n", l.Epoch, os.Getpid())
	if _, err := l.file.WriteAt(text, 0); err != nil {
		return fmt.Errorf("writing lock: %w", err)
	}
	if err := l.file.Truncate(int64(len(text))); err != nil {
		return fmt.Errorf("writing lock: %w", err)
	}
	return l.file.Sync()
}

// Release notes why the courier ended and gives the lock up, whatever becomes of the note. The lock file stays: it
// remembers the epoch.
func (l *Lock) Release(ctx context.Context, ending string, now time.Time) error {
	_, err := l.db.ExecContext(ctx, `UPDATE couriers SET ended_at = $1, ending = $2, suspect = $3 WHERE epoch = $4`,
		now.Unix(), ending, l.suspect, l.Epoch)
	if err != nil {
		err = fmt.Errorf("noting the courier's end: %w", err)
	}
	return errors.Join(err, unlock(l.file))
}

// unlock does not leave it to Close: a child process being started at this moment still holds a copy of the file.
func unlock(file *os.File) error {
	return errors.Join(unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
}

// Recover settles what couriers before epoch left behind, and returns how many mails came into doubt by it. Under Ask
// it also bars the repetitions an earlier policy had planned, but not those a person asked for.
//
// Its statements say twice what state they want: the partial index deliveries_held is used only where its own condition,
// state IN ('claimed', 'dotting'), stands.
func Recover(ctx context.Context, q Querier, epoch int64, p Policy, now time.Time) (int, error) {
	const why = "the courier died before it knew the answer"
	if _, err := q.ExecContext(ctx, `
		INSERT INTO attempts (delivery_id, epoch, dotting_at, ended_at, outcome, reply)
		SELECT id, epoch, changed_at, $1, 'unknown', $2 FROM deliveries
		WHERE state IN ('claimed', 'dotting') AND state = 'dotting' AND epoch < $3
		ORDER BY epoch, id`,
		now.Unix(), why, epoch); err != nil {
		return 0, fmt.Errorf("recovering mails in doubt: %w", err)
	}
	res, err := q.ExecContext(ctx, `
		UPDATE deliveries SET state = 'unknown', doubts = doubts + 1, changed_at = $1, code = 0, reply = $2,
			due_at = CASE WHEN $3 AND doubts = 0 AND barred = 0 THEN $4 END
		WHERE state IN ('claimed', 'dotting') AND state = 'dotting' AND epoch < $5`,
		now.Unix(), why, p != Ask, now.Add(RepeatAfter).Unix(), epoch)
	doubts, err := changed(res, err, "recovering mails in doubt")
	if err != nil {
		return 0, err
	}
	// What was claimed had been next: 0 keeps it there.
	if _, err := q.ExecContext(ctx, `
		UPDATE deliveries SET state = CASE WHEN doubts > 0 THEN 'unknown' ELSE 'queued' END, due_at = 0, changed_at = $1
		WHERE state IN ('claimed', 'dotting') AND state = 'claimed' AND epoch < $2`, now.Unix(), epoch); err != nil {
		return 0, fmt.Errorf("recovering claimed mails: %w", err)
	}
	if p == Ask {
		_, err = q.ExecContext(ctx, `
			UPDATE deliveries SET due_at = NULL, changed_at = $1
			WHERE due_at IS NOT NULL AND state = 'unknown' AND asked < doubts`, now.Unix())
		if err != nil {
			return 0, fmt.Errorf("barring repetitions: %w", err)
		}
	}
	return doubts, nil
}

// LastEpoch returns the epoch written in a lock file (the database's path + ".lock"), 0 when there is none.
func LastEpoch(lockPath string) (int64, error) {
	epoch, _, err := stamp(lockPath)
	if errors.Is(err, errStamp) {
		return 0, nil // what does not say is no witness; Take writes it anew
	}
	return epoch, err
}

var errStamp = errors.New("not a lock file of this program")

func stamp(name string) (epoch int64, pid int, err error) {
	file, err := openLock(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reading lock: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 1<<10))
	if err == nil && len(text) == 0 {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reading lock: %w", err)
	}
	if _, err := fmt.Sscanf(string(text), "%d %d\n", &epoch, &pid); err != nil || epoch < 0 {
		return 0, 0, fmt.Errorf("reading lock %s: %w", name, errStamp)
	}
	return epoch, pid, nil
}

// ballast makes sure that a file of ballastSize stands beside the database. It is written, not sparse. On a disk that is
// too small for that it takes half of the largest half that fits, so that as much is left for the ledger.
func ballast(name string) error {
	if info, err := os.Stat(name); err == nil && info.Size() == ballastSize {
		return nil
	}
	err := weigh(name, ballastSize)
	for size := ballastSize / 2; isNoSpace(err) && size > ballastLeast; size /= 2 {
		if err = weigh(name, size); err == nil {
			err = os.Truncate(name, int64(size/2))
		}
	}
	if isNoSpace(err) {
		return fmt.Errorf("making ballast: %w: %w", ErrFull, err)
	}
	if err != nil {
		return fmt.Errorf("making ballast: %w", err)
	}
	return nil
}

func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// weigh writes a file of size bytes, or leaves none.
func weigh(name string, size int) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, min(size, 128<<10))
	for n := 0; n < size && err == nil; n += len(block) {
		_, err = file.Write(block)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		os.Remove(name)
	}
	return err
}
