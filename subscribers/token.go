package subscribers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
)

// Purpose is what a link in a mail may be used for. A token made for one
// purpose is void for every other.
type Purpose string

const (
	PurposeLeave       Purpose = "leave"
	PurposePreferences Purpose = "preferences"
)

// tokenBytes is 128 bits: 22 characters of base64url.
const tokenBytes = 16

// Token makes the token of a link: 22 characters of base64url without padding,
// the first 128 bits of an HMAC-SHA256 over purpose, subscriber and the
// subscriber's TokenVersion. It never expires; it is void when the version rises.
func Token(secret []byte, p Purpose, id int64, version int) string {
	return string(NewSigner(secret).AppendToken(nil, p, id, version))
}

// Signer makes many tokens, as [Token] makes one. It is for one goroutine at a
// time.
type Signer struct {
	mac  hash.Hash
	room []byte
}

// NewSigner makes tokens with a secret.
func NewSigner(secret []byte) *Signer { return &Signer{mac: hmac.New(sha256.New, secret)} }

// AppendToken appends the token of a link.
func (s *Signer) AppendToken(b []byte, p Purpose, id int64, version int) []byte {
	s.room = append(append(append(s.room[:0], "digest link\x00"...), p...), 0)
	s.room = binary.BigEndian.AppendUint64(s.room, uint64(id))
	s.room = binary.BigEndian.AppendUint64(s.room, uint64(version))
	s.mac.Reset()
	s.mac.Write(s.room)
	s.room = s.mac.Sum(s.room[:0])
	return base64.RawURLEncoding.AppendEncode(b, s.room[:tokenBytes])
}

// Check reports, in constant time, whether token is the one Token makes.
func Check(secret []byte, p Purpose, id int64, version int, token string) bool {
	return hmac.Equal([]byte(token), []byte(Token(secret, p, id, version)))
}

// keyHash is how a suppressed address is remembered once it may be erased.
func keyHash(secret []byte, a Address) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("digest suppression\x00" + a.Key))
	return m.Sum(nil)
}

// newToken makes a random token and the hash to keep of it.
func newToken() (token string, hash []byte) {
	b := make([]byte, tokenBytes)
	rand.Read(b) // never fails (crypto/rand)
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashToken(token)
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
