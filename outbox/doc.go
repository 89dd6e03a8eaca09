// Package outbox is the ledger of every mail owed, sent or in doubt, and the courier that works it off.
//
// A delivery is one row: one reader, one mailing, one generation. It is owed once (the unique key says so), claimed by
// the one courier that holds the lock, and marked durably before the final dot of its message may leave:
//
//	envelope and body → commit "dotting" → the dot → commit "sent", "retry", "failed" or "unknown"
//
// So a crash leaves in doubt only what stood between two commits: at most one mail per connection. What is in doubt is
// never counted as unsent again; by policy it is repeated once, the same bytes, or left to a person.
//
// The package never renders a mail, never speaks SMTP (a [Line] does) and never decides who is owed one. It knows
// nothing of feeds, issues or consent.
//
// Its one invariant: the dot of a mail leaves only after its mark is on disk, and the mark is made only on a row this
// courier still owns. [Audit] proves what of this the tables can prove.
package outbox
