package newsletter

import (
	"fmt"

	"digest/config"
	"digest/mailer"
)

// signer signs mails as [[mail.dkim]] says; nil: there is no such table, and mail goes out unsigned.
func (n *Newsletter) signer() (*mailer.Signer, error) {
	var keys []mailer.SigningKey
	for i, k := range n.Config.Mail.DKIM {
		key, err := mailer.ParseSigningKey([]byte(k.Key.Reveal()))
		if err != nil {
			return nil, n.keyError(i, fmt.Errorf("%s: %w", k.KeyFile, err))
		}
		keys = append(keys, mailer.SigningKey{Domain: k.Domain, Selector: k.Selector, Key: key})
	}
	if len(keys) == 0 {
		return nil, nil
	}
	signer, err := mailer.NewSigner(keys...)
	if err != nil {
		return nil, n.keyError(len(keys)-1, err)
	}
	return signer, nil
}

func (n *Newsletter) keyError(i int, err error) error {
	return fmt.Errorf("%s:%d: [[mail.dkim]] key_file: %w", n.Config.Path, config.Line(n.Config.Path, fmt.Sprintf("mail.dkim[%d].key_file", i)), err)
}

// sign signs a mail, where mails are signed.
func sign(signer *mailer.Signer, m *mailer.Message) error {
	if signer == nil {
		return nil
	}
	return signer.Sign(m)
}
