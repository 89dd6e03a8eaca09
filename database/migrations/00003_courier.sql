-- +goose Up

-- What a fast courier keeps, and what servers' refusals have taught.

-- outbox
ALTER TABLE deliveries ADD COLUMN relay INTEGER NOT NULL DEFAULT 0;      -- the name of the server its last dot went to: a hash of host:port; 0 = none; while in doubt it goes to no other
ALTER TABLE deliveries ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;      -- the doubts after which a person had it sent once more; 0 = nobody has
                                                                         -- below zero: said to have arrived while it was to be repeated at -asked
ALTER TABLE deliveries ADD COLUMN said_at INTEGER;                       -- a person said that it arrived, no server did; NULL = nobody has
ALTER TABLE letters ADD COLUMN believed INTEGER NOT NULL DEFAULT 0;      -- 1: a person believes the refusals of its mailing's readers, the breaker does not judge them
ALTER TABLE couriers ADD COLUMN progress TEXT NOT NULL DEFAULT '';       -- how far it is, JSON; '' = not said yet
ALTER TABLE couriers ADD COLUMN progress_at INTEGER;                     -- when it said so
ALTER TABLE couriers ADD COLUMN suspect INTEGER NOT NULL DEFAULT 0;      -- 1: at work, or died, or the disk failed it: the next checks the file first
-- An attempt is written with its end. One still open belongs to a mail that is
-- dotting; whoever recovers that mail writes the attempt.
DELETE FROM attempts WHERE ended_at IS NULL;

-- subscribers
CREATE TABLE bounce_counts (                                             -- soft bounces of an address since its last good mail
    subscriber_id INTEGER PRIMARY KEY REFERENCES subscribers (id),
    bounces       INTEGER NOT NULL,                                      -- issues that bounced, one after the other
    first_at      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    reply         TEXT NOT NULL DEFAULT ''                               -- the server's last words
) STRICT;

-- +goose Down
SELECT 1;
