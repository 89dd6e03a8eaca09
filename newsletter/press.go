package newsletter

import (
	"sync"
	"time"

	"digest/mailer"
	"digest/outbox"
)

// press keeps the letters of a run made ready, once for all its connections: an
// issue has one letter, and making it ready for each reader would cost more
// than sending it. The zero press is empty.
type press struct {
	mu    sync.Mutex
	plate map[int64]*plate // by letter
}

// plate is a letter made ready. It is safe for concurrent use.
type plate struct {
	frozen
	zone    *time.Location
	stencil *mailer.Stencil
	signer  *mailer.Signer // nil: mail goes out unsigned
}

// platesKept is how many letters are kept ready: an issue has no more, and each
// confirmation is one of its own.
const platesKept = 64

func (p *press) letter(n *Newsletter, m outbox.Mail) (*plate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if made := p.plate[m.Letter]; made != nil {
		return made, nil
	}
	f, zone, err := thaw(m.Words)
	if err != nil {
		return nil, err
	}
	made := &plate{frozen: f, zone: zone}
	if made.stencil, err = f.Letter.Stencil(); err != nil {
		return nil, err
	}
	if made.signer, err = n.signer(); err != nil {
		return nil, err
	}
	if p.plate == nil || len(p.plate) >= platesKept {
		p.plate = make(map[int64]*plate)
	}
	p.plate[m.Letter] = made
	return made, nil
}
