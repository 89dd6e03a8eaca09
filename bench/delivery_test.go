package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const readers = 20_000

// sender puts n mails on the wire and says what that took.
type sender struct {
	name string
	n    int
	send func(b *testing.B, to sink, connections int) spent
}

// figure is what one sender did in one round.
type figure struct {
	rate float64 // mails a second, process start and end included
	cpu  float64 // µs of the sender's CPU a mail, all included
	rss  float64 // peak, MB
}

// BenchmarkDelivery sends an issue of 18 posts by each sender to each server,
// in turn, several rounds in one run: the built `digest run` with its whole
// ledger on disk (WAL, synchronous=FULL); Postfix's smtp-source with one body
// of the same size; go-mail's Client.Send, which builds each mail from the same
// number of bytes; and digest's own letters and sessions without the ledger.
// Its table holds the medians. The server has the same CPUs to share.
func BenchmarkDelivery(b *testing.B) {
	h := newHouse(b, build(b), readers)
	h.measure(b)
	senders := []sender{
		{"digest run", readers, func(b *testing.B, to sink, connections int) spent {
			return h.deliver(b, setting{smtp: "smtp://" + to.addr, connections: connections}, nil)
		}},
		{"without the ledger", readers, withoutLedger},
		{"go-mail Client.Send", readers / 5, goMail(readers / 5)},
	}
	if path := tool("smtp-source"); path != "" {
		senders = append(senders, sender{"smtp-source", readers, smtpSource(path, readers, h.size)})
	}
	to := []sink{fastSink(b, pipelining)}
	if s, ok := postfixSink(b); ok {
		to = append(to, s)
	}
	for _, connections := range []int{16, 64} {
		for _, s := range to {
			b.Run(fmt.Sprintf("sink=%s/connections=%d", s.name, connections), func(b *testing.B) {
				for b.Loop() {
					b.Log(compare(b, senders, s, connections, h.size))
				}
			})
		}
	}
}

// rounds is how often every sender has its turn; DIGEST_BENCH_ROUNDS changes it.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("DIGEST_BENCH_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return 5
}

// compare gives every sender its turn in every round, each round in another
// order, and shows the medians; the ratios are medians of the rounds' ratios.
func compare(b *testing.B, senders []sender, to sink, connections, size int) string {
	figures := make([][]figure, len(senders))
	for round := range rounds() {
		for i := range senders {
			which := (i + round) % len(senders)
			s := senders[which]
			took := s.send(b, to, connections)
			figures[which] = append(figures[which], figure{
				rate: float64(s.n) / took.wall.Seconds(),
				cpu:  float64(took.cpu.Microseconds()) / float64(s.n),
				rss:  float64(took.rss) / (1 << 20),
			})
		}
	}
	var t strings.Builder
	fmt.Fprintf(&t, "to %s over %d connections, mails of %d bytes, medians of %d rounds\n", to.name, connections, size, rounds())
	fmt.Fprintf(&t, "%-22s %9s %8s %8s %14s\n", "sender", "mails/s", "CPU µs", "peak MB", "digest has")
	for i, s := range senders {
		fmt.Fprintf(&t, "%-22s %9.0f %8.0f", s.name, median(figures[i], rateOf), median(figures[i], cpuOf))
		if peak := median(figures[i], rssOf); peak > 0 {
			fmt.Fprintf(&t, " %8.0f", peak)
		} else {
			fmt.Fprintf(&t, " %8s", "")
		}
		if i > 0 {
			var ratios []figure
			for round := range figures[i] {
				ratios = append(ratios, figure{rate: figures[0][round].rate / figures[i][round].rate})
			}
			fmt.Fprintf(&t, " %6.2f x rate", median(ratios, rateOf))
		}
		t.WriteByte('\n')
	}
	return t.String()
}

func rateOf(f figure) float64 { return f.rate }
func cpuOf(f figure) float64  { return f.cpu }
func rssOf(f figure) float64  { return f.rss }

func median(figures []figure, of func(figure) float64) float64 {
	list := make([]float64, len(figures))
	for i, f := range figures {
		list[i] = of(f)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// perMail is a time divided by mails, in µs.
func perMail(d time.Duration, n int) float64 { return float64(d.Microseconds()) / float64(n) }
