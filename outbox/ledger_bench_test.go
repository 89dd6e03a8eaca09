package outbox_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

// BenchmarkLedger puts 20,000 mails through claim, mark and outcome over lines whose server answers at once. A mail
// is four rows written: its delivery three times, its attempt once. Run it with -benchtime 1x.
func BenchmarkLedger(b *testing.B) {
	const mails = 20_000
	for _, k := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("lines=%d", k), func(b *testing.B) {
			db, path := digesttest.NewDBPath(b)
			var commits atomic.Int64
			var cpu time.Duration
			for b.Loop() {
				b.StopTimer()
				if _, err := db.Exec(`DELETE FROM attempts; DELETE FROM deliveries`); err != nil {
					b.Fatal(err)
				}
				owe(b, db, time.Now(), many(mails)...)
				b.StartTimer()
				c := outbox.Courier{DB: db, Path: path, Dial: instant, Connections: k, Patience: -1, Hook: func(point string) {
					if point == outbox.PointCommitted {
						commits.Add(1)
					}
				}}
				began := used()
				sum, err := c.Work(context.Background())
				cpu += used() - began
				if err != nil || sum.Sent != mails {
					b.Fatalf("%+v, %v", sum, err)
				}
			}
			n := float64(mails * b.N)
			b.ReportMetric(n/b.Elapsed().Seconds(), "mails/s")
			b.ReportMetric(float64(cpu.Microseconds())/n, "cpu-µs/mail")
			b.ReportMetric(float64(cpu.Microseconds())/n/4, "cpu-µs/row")
			b.ReportMetric(2*n/float64(commits.Load()), "sayings/commit")
		})
	}
}

// used is the CPU this process has used, user and system.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
