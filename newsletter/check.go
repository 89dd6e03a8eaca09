package newsletter

import (
	"fmt"
	"time"

	"digest/issue"
	"digest/templates"
)

// SubjectError is a subject of the config that is no template.
type SubjectError struct {
	Digest string
	Err    error
}

func (e *SubjectError) Error() string { return e.Err.Error() }

func (e *SubjectError) Unwrap() error { return e.Err }

// Check looks at what the config says about other rooms' affairs, before
// anything is read or sent: subjects, the rates, the ways out.
func (n *Newsletter) Check() error {
	for _, d := range n.Config.Digests {
		if err := templates.Check(d.Subject); err != nil {
			return &SubjectError{Digest: d.Name, Err: err}
		}
		trial := n.letter(d, issue.Issue{}, templates.Mail{Subject: "A trial", HTML: "<p>A trial</p>", Text: "A trial"})
		if _, err := trial.Message(n.authorReader(n.authorAddress(), time.Unix(0, 0))); err != nil {
			return fmt.Errorf("%s: no mail can be made of [mail] from, [site] and [[digest]] %s: %w", n.Config.Path, d.Name, err)
		}
	}
	if _, _, err := n.limits(); err != nil {
		return fmt.Errorf("%s: %w", n.Config.Path, err)
	}
	if _, err := n.signer(); err != nil {
		return err
	}
	for _, r := range n.relays() {
		if err := r.check(); err != nil {
			return fmt.Errorf("%s: %w", n.Config.Path, err)
		}
	}
	return nil
}
