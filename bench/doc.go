// Package bench measures how fast an issue goes out, by the built command with
// its whole ledger on disk, beside go-mail's own Client.Send and Postfix's
// smtp-source: to the same servers on loopback, in the same run, in turn. It
// also measures what distance, TLS and DKIM cost, and a million readers. It
// holds benchmarks only.
package bench
