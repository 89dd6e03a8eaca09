-- +goose Up
-- What a feed's looks have taught, and the posts kept back from mail.

-- feed
ALTER TABLE feeds ADD COLUMN next_at INTEGER;                            -- not asked again before; NULL = whenever
ALTER TABLE feeds ADD COLUMN next_told INTEGER NOT NULL DEFAULT 0;      -- 1: next_at is the server's own wish (Retry-After)
ALTER TABLE feeds ADD COLUMN failed_since INTEGER;                       -- first failure of the present row of them
ALTER TABLE feeds ADD COLUMN full_at INTEGER;                            -- last good look without validators: they may lie
ALTER TABLE feeds ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;            -- answers 410 in a row
ALTER TABLE feeds ADD COLUMN gone_since INTEGER;                         -- the first of them
ALTER TABLE feeds ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;         -- 1: gone for good, asked only by hand
ALTER TABLE feeds ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';          -- where permanent redirects lead
ALTER TABLE feeds ADD COLUMN moved_since INTEGER;                        -- the first look in a row that led there
ALTER TABLE feeds ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;           -- looks in a row that led there
ALTER TABLE feeds ADD COLUMN gap_at INTEGER;                             -- the look that met no known post; NULL = no open gap
ALTER TABLE feeds ADD COLUMN gap_since INTEGER;                          -- the good look before it
ALTER TABLE feeds ADD COLUMN gap_missed INTEGER NOT NULL DEFAULT 0;      -- about how many posts may be missing
ALTER TABLE feeds ADD COLUMN shown TEXT;                                 -- posts of the last whole document in its order, JSON; NULL = none was seen whole
ALTER TABLE feeds ADD COLUMN damaged_since INTEGER;                      -- first good look of the present row of those that found it damaged
ALTER TABLE feeds ADD COLUMN damaged_looks INTEGER NOT NULL DEFAULT 0;   -- how many; 0 = the last was whole (written by feed/damage.go)
-- What was read before now was read whole: only before a whole document was seen
-- does an old post belong to the baseline.
UPDATE feeds SET shown = '[]' WHERE read_at IS NOT NULL;

ALTER TABLE posts ADD COLUMN aside TEXT NOT NULL DEFAULT '';             -- why the post is kept back from mail; '' = it is not
ALTER TABLE posts ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;         -- good looks in a row without it, though the feed reaches further back; 2 at most
ALTER TABLE posts ADD COLUMN missing_at INTEGER;                         -- the last of them
ALTER TABLE posts ADD COLUMN unread_since INTEGER;                       -- the good look before first_seen; NULL = none, or not known
CREATE INDEX posts_missing ON posts (feed_id) WHERE missing > 0;
CREATE INDEX posts_aside ON posts (feed_id) WHERE aside != '';

-- newsletter
CREATE TABLE notices (                                                   -- what the author is told by mail, each once
    id      INTEGER PRIMARY KEY,
    key     TEXT NOT NULL UNIQUE,                                        -- names the occasion: "feed 1 broken since 1767225600"
    subject TEXT NOT NULL,
    text    TEXT NOT NULL,                                               -- plain; empty lines part paragraphs
    made_at INTEGER NOT NULL,
    told_at INTEGER                                                      -- NULL = not told yet
) STRICT;
CREATE INDEX notices_untold ON notices (id) WHERE told_at IS NULL;
