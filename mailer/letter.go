package mailer

import (
	"encoding/json"
	"fmt"
	"time"
)

// From is the sender: one mailbox with a display name.
type From struct {
	Name    string // empty: the bare mailbox
	Mailbox string // local@domain; the domain may be an IDN, it goes out as A-label
}

// Letter holds the words that are the same for every reader of one mailing.
//
// HTML and Text may contain the personal slots Mark+"address", Mark+"name", Mark+"leave", Mark+"preferences" and
// Mark+"since"; [Letter.Message] puts the reader's values there. Nothing else is ever replaced.
type Letter struct {
	From    From
	ReplyTo string `json:",omitempty"` // a mailbox; empty: answers go to From
	Subject string
	HTML    string `json:",omitempty"` // empty: the message is the text alone
	Text    string
	Mark    string `json:",omitempty"` // prefix of the slots; empty: there are none

	// Boundary between the parts, 1 to 70 letters, digits, '-' or '_'. Empty: made from the words.
	Boundary string `json:",omitempty"`

	// Plain marks a mail to one person about their own business (a confirmation, a proof, an alarm). It carries none
	// of the headers of bulk mail: List-*, Precedence, Feedback-ID.
	Plain bool `json:",omitempty"`

	ListName   string `json:",omitempty"` // human name in List-Id (RFC 2919); empty: the identifier alone
	ListID     string `json:",omitempty"` // "weekly.news.example.com"; empty: no List-Id
	FeedbackID string `json:",omitempty"` // "issue:list:type:sender"; empty: none

	ready *words // of UnmarshalJSON: an issue is read once and filled for every reader; nil: made for each
}

// Reader is what differs from one reader to the next.
type Reader struct {
	Address string // the one mailbox in To, domain as A-label
	Name    string // display name in To and the value of the slot "name"; may be empty

	Leave       string // URL of the slot "leave" and of List-Unsubscribe; https, http or mailto; empty: none
	LeaveMail   string // optional mailto: URL that stands second in List-Unsubscribe
	Preferences string // URL of the slot "preferences"
	Since       string // value of the slot "since"

	MessageID string    // as from [MessageID], with or without its angle brackets
	Date      time.Time // the Date header, in the zone it carries
}

// Marshal gives the letter as opaque words to be stored and later given to [Unmarshal].
func (l Letter) Marshal() ([]byte, error) {
	words, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("storing letter: %w", err)
	}
	return words, nil
}

// Unmarshal reads what [Letter.Marshal] wrote.
func Unmarshal(words []byte) (Letter, error) {
	var l Letter
	if err := json.Unmarshal(words, &l); err != nil {
		return Letter{}, fmt.Errorf("reading letter: %w", err)
	}
	return l, nil
}

// UnmarshalJSON makes a letter that was stored, alone or in something else, ready for its readers.
func (l *Letter) UnmarshalJSON(words []byte) error {
	type stored Letter // without this method
	if err := json.Unmarshal(words, (*stored)(l)); err != nil {
		return err
	}
	l.ready = makeWords(*l)
	return nil
}
