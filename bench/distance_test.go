package bench_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	roundTrip = 20 * time.Millisecond
	faraway   = 250 // mails each connection carries over that distance
)

// BenchmarkDistance sends through a proxy that holds everything back for 10 ms
// each way, and tells the round trips a mail costs: the time of all connections
// together, divided by mails and by 20 ms. Dialling and saying goodbye are in it.
func BenchmarkDistance(b *testing.B) {
	binary := build(b)
	houses := map[int]*house{8: newHouse(b, binary, 8*faraway), 32: newHouse(b, binary, 32*faraway)}
	for b.Loop() {
		var t strings.Builder
		fmt.Fprintf(&t, "%d mails a connection at %v a round trip, ledger included\n%-12s %6s %9s %18s\n", faraway, roundTrip, "server", "conns", "mails/s", "round trips a mail")
		for _, kind := range []string{pipelining, lockstep} {
			for _, connections := range []int{8, 32} {
				to := distant(b, fastSink(b, kind))
				var figures []figure
				for range rounds() {
					took := houses[connections].deliver(b, setting{smtp: "smtp://" + to.addr, connections: connections}, nil)
					figures = append(figures, figure{rate: float64(connections) * faraway / took.wall.Seconds(),
						cpu: took.wall.Seconds() / faraway / roundTrip.Seconds()})
				}
				fmt.Fprintf(&t, "%-12s %6d %9.0f %18.2f\n", kind, connections, median(figures, rateOf), median(figures, cpuOf))
			}
		}
		b.Log(t.String())
	}
}

// distant puts half a round trip before a server, and half behind it.
func distant(b *testing.B, to sink) sink {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	b.Cleanup(func() { listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to.addr)
			if err != nil {
				near.Close()
				continue
			}
			go delay(far, near)
			go delay(near, far)
		}
	}()
	return sink{to.name + ", distant", listener.Addr().String()}
}

// delay carries bytes from one side to the other, each piece half a round trip
// after it came.
func delay(to io.WriteCloser, from io.ReadCloser) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	var all sync.WaitGroup
	all.Go(func() {
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			to.Write(p.data)
		}
		to.Close()
	})
	for {
		data := make([]byte, 64<<10)
		n, err := from.Read(data)
		if n > 0 {
			pieces <- piece{data[:n], time.Now().Add(roundTrip / 2)}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	all.Wait()
	from.Close()
}
