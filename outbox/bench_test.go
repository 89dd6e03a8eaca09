package outbox_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

// BenchmarkCourier is the ledger alone: a server that answers at once, everything committed with synchronous=FULL.
func BenchmarkCourier(b *testing.B) {
	for _, k := range []int{1, 8, 32, 128} {
		b.Run(fmt.Sprintf("connections=%d", k), func(b *testing.B) {
			db, path := digesttest.NewDBPath(b)
			owe(b, db, time.Now(), many(b.N)...)
			var commits atomic.Int64
			c := outbox.Courier{DB: db, Path: path, Dial: instant, Connections: k, Patience: -1, Hook: func(point string) {
				if point == outbox.PointCommitted {
					commits.Add(1)
				}
			}}
			b.ResetTimer()
			sum, err := c.Work(context.Background())
			if err != nil || sum.Sent != b.N {
				b.Fatalf("%+v, %v", sum, err)
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(b.N)/seconds, "mails/s")
			b.ReportMetric(float64(commits.Load())/seconds, "commits/s")
		})
	}
}

func instant(context.Context) (outbox.Line, error) { return instantLine{}, nil }

type instantLine struct{}

func (instantLine) Offer(context.Context, outbox.Mail) (outbox.Reply, error) { return ready, nil }
func (instantLine) Dot(context.Context, *outbox.Mail) (outbox.Reply, error)  { return accepted, nil }
func (instantLine) Pipelining() bool                                         { return false }
func (instantLine) Closed() bool                                             { return false }

func (instantLine) Close() error { return nil }
