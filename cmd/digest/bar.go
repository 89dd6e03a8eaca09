package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"digest/outbox"
)

// drawEvery is how often the bar is drawn while figures come in.
const drawEvery = 200 * time.Millisecond

// barWidth is that of the bar where there is room; the library shrinks it to fit a terminal that says how wide it is.
const barWidth = 40

// bar shows a person at a terminal how far the courier is: one line, drawn over itself and gone at the end. The courier
// never waits for it, so a terminal that is held up (Ctrl-S) holds up no mail.
type bar struct {
	out io.Writer
	now func() time.Time

	mu     sync.Mutex
	latest *outbox.Progress // not drawn yet; nil = nothing new
	end    chan struct{}
	over   chan struct{}
}

// showBar lets a courier tell a terminal how far it is, until the returned function is called. Without a terminal, or
// with -v, which prints lines of its own, it does nothing.
func (d *door) showBar(h *house) (end func()) {
	file, ok := d.err.(*os.File)
	if !ok || !terminal(file) || d.verbose || d.dryRun {
		return func() {}
	}
	b := &bar{out: file, now: d.now}
	h.Progress = b.tell
	b.start()
	return func() {
		b.stop()
		h.Progress = nil
	}
}

func (b *bar) tell(p outbox.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = &p
}

func (b *bar) take() *outbox.Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.latest
	b.latest = nil
	return p
}

func (b *bar) start() {
	b.end, b.over = make(chan struct{}), make(chan struct{})
	line := progressbar.NewOptions64(1, progressbar.OptionSetWriter(b.out), progressbar.OptionSetTheme(progressbar.ThemeASCII),
		progressbar.OptionSetWidth(barWidth), progressbar.OptionUseANSICodes(true), progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false))
	go func() {
		defer close(b.over)
		tick := time.NewTicker(drawEvery)
		defer tick.Stop()
		for {
			select {
			case <-b.end:
				_ = line.Clear()
				return
			case <-tick.C:
			}
			if p := b.take(); p != nil && p.Owed > 0 { // a bar that was full once stays so
				b.draw(line, *p)
			}
		}
	}()
}

func (b *bar) draw(line *progressbar.ProgressBar, p outbox.Progress) {
	done := p.Sent + p.Failed + p.Skipped + p.Expired
	line.ChangeMax(done + p.Owed)
	_ = line.Set(done)
	line.Describe(barText(p, b.columns(), b.now()))
	fmt.Fprint(b.out, "\r") // what others print starts in the first column
}

func (b *bar) columns() int {
	if file, ok := b.out.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80 - barWidth // the bar does not shrink then, and its line is to stay below 80
}

// stop takes the line away. A terminal that takes nothing is not waited for.
func (b *bar) stop() {
	close(b.end)
	select {
	case <-b.over:
	case <-time.After(time.Second):
	}
}

// besides is what the line holds besides its text when there is no room for a bar: "  42% []  ", and the last column,
// which would wrap.
const besides = 12

// barText stands beside the bar, and leaves it what is left of so many columns.
func barText(p outbox.Progress, columns int, now time.Time) string {
	text := fmt.Sprintf("%s, %d owed", outcomes(p), p.Owed)
	if left := p.Until.Sub(now); !p.Until.IsZero() && left > 0 {
		text += ", " + clock(left) + " to go"
	}
	return text[:min(len(text), max(0, columns-besides))]
}

// clock is a span to the second while that says something: "1:05", "2:10:00"; days beyond.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= 48*time.Hour {
		return span(d)
	}
	minutes, seconds := int(d/time.Minute), int(d%time.Minute/time.Second)
	if minutes < 60 {
		return fmt.Sprintf("%d:%02d", minutes, seconds)
	}
	return fmt.Sprintf("%d:%02d:%02d", minutes/60, minutes%60, seconds)
}
