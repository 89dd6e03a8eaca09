// Package mailer puts one message on the wire.
//
// A [Letter] holds the words that are the same for every reader; [Letter.Message] fills in one [Reader] and gives the
// whole RFC 5322 message, the same bytes for the same input. A [Server] dials, secures and authenticates a [Session],
// which carries a message in two steps: [Session.Offer] sends the envelope and the whole body but the final dot,
// [Session.Dot] sends the dot and reads the answer. Between the two the caller may write down that the dot is about to
// leave. A [Spool] does the same with a Maildir. [Classify] says what a server's answer means, and for whom.
//
// The package never retries, never decides who gets mail, keeps nothing, and logs nothing.
//
// Its one invariant: an error from Offer means nothing was accepted; an error from Dot means nobody can know, unless it
// is [ErrNoDot]; and any [Answer] is what the server definitely said.
package mailer
