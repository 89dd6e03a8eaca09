package outbox

import "time"

// job is one claimed mail on its way.
type job struct {
	mail    Delivery
	words   []byte
	from    time.Time // when it was due: where it goes back to untouched
	letter  Mail      // as the line gets it, made once: the copies of one claim are the same bytes
	made    bool      // letter is
	allowed bool      // by the limit of its domain
	paced   bool      // has its token
	dot     time.Time // when its dot was counted by the rate; zero = not yet
	domain  time.Time // … and by the limit of its domain
	losses  int       // connections lost under it
	broke   int       // panics while its message was made
}

// offer is the mail as the line gets it. A repetition carries the date of the first copy.
func (j *job) offer(now time.Time) *Mail {
	if j.made {
		return &j.letter
	}
	d := &j.mail
	repeat := d.Doubts > 0
	if !repeat || d.Date.IsZero() {
		d.Date = now.UTC().Truncate(time.Second)
	}
	j.letter = Mail{
		Delivery: d.ID, Mailing: d.Mailing, Subscriber: d.Subscriber, Generation: d.Generation, Letter: d.Letter,
		Words: j.words, Address: d.Address, Name: d.Name, TokenVersion: d.TokenVersion, Since: d.Since, Date: d.Date, Repeat: repeat,
	}
	j.made = true
	return &j.letter
}
