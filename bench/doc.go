// Package bench measures how fast an issue goes out: the whole ledger with
// every commit on disk, beside go-mail's own Client.Send and Postfix's
// smtp-source, to the same server on loopback in the same run. It holds
// benchmarks only.
package bench
