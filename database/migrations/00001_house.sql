-- +goose Up

-- Times are unix seconds (UTC), booleans 0/1, lists and decisions JSON text.
-- The room named above a group of tables owns them: no other room reads or writes them.

-- database
CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- feed
CREATE TABLE feeds (
    id            INTEGER PRIMARY KEY,
    url           TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL DEFAULT '',
    link          TEXT NOT NULL DEFAULT '',
    language      TEXT NOT NULL DEFAULT '',
    etag          TEXT NOT NULL DEFAULT '',
    last_modified TEXT NOT NULL DEFAULT '',
    body_hash     TEXT NOT NULL DEFAULT '',          -- SHA-256 of the last good body: validators may lie
    checked_at    INTEGER,                           -- last try
    read_at       INTEGER,                           -- last good answer (200 that parsed, or 304); NULL = never read
    failures      INTEGER NOT NULL DEFAULT 0,        -- in a row since read_at
    error         TEXT NOT NULL DEFAULT ''           -- of the last try; '' when it was good
) STRICT;

CREATE TABLE posts (
    id           INTEGER PRIMARY KEY,
    feed_id      INTEGER NOT NULL REFERENCES feeds (id),
    title        TEXT NOT NULL,                      -- '' when the feed gives none
    url          TEXT NOT NULL,
    author       TEXT NOT NULL,
    tags         TEXT NOT NULL,                      -- JSON array of strings
    summary_html TEXT NOT NULL,                      -- cleaned
    content_html TEXT NOT NULL,                      -- cleaned
    image        TEXT NOT NULL,
    published_at INTEGER NOT NULL,                   -- first_seen where the feed gives no usable date
    updated_at   INTEGER NOT NULL,
    first_seen   INTEGER NOT NULL,
    released_at  INTEGER,                            -- set when the author lets a baseline post into the pool
    baseline     INTEGER NOT NULL DEFAULT 0,         -- 1: stood in the feed before the start, never mailed by itself
    CHECK (baseline IN (0, 1))
) STRICT;
CREATE INDEX posts_pool ON posts (coalesce(released_at, first_seen), id) WHERE baseline = 0;
CREATE INDEX posts_published ON posts (published_at, id);

CREATE TABLE post_keys (
    feed_id INTEGER NOT NULL REFERENCES feeds (id),
    key     TEXT NOT NULL,                           -- "guid:…", "link:…", … as feed.Keys makes them
    post_id INTEGER NOT NULL REFERENCES posts (id),
    PRIMARY KEY (feed_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX post_keys_post ON post_keys (post_id);

-- issue
CREATE TABLE issues (
    id           INTEGER PRIMARY KEY,
    digest       TEXT NOT NULL,
    number       INTEGER NOT NULL DEFAULT 0,         -- edition number among frozen issues of the digest; 0 before the freeze
    kind         TEXT NOT NULL CHECK (kind IN ('scheduled', 'past')),
    period       TEXT NOT NULL,                      -- key of the (latest) period it covers
    period_start INTEGER NOT NULL,
    period_end   INTEGER NOT NULL,
    cut          INTEGER NOT NULL,                   -- exclusive: posts first seen before it could go in
    state        TEXT NOT NULL CHECK (state IN ('draft', 'held', 'approved', 'sending', 'done', 'empty', 'cancelled')),
    subject      TEXT NOT NULL DEFAULT '',
    html         TEXT NOT NULL DEFAULT '',           -- the page `view online` shows: no personal link in it
    hash         TEXT NOT NULL DEFAULT '',           -- of the proof last shown to the author
    proof        TEXT NOT NULL DEFAULT '',           -- text part of that proof, to show what changed since
    reason       TEXT NOT NULL DEFAULT '',           -- why it is held, empty or cancelled, as a sentence
    made_at      INTEGER NOT NULL,
    approved_at  INTEGER,
    done_at      INTEGER
) STRICT;
CREATE INDEX issues_digest ON issues (digest, id);

CREATE TABLE periods (                               -- a period is answered for once and for ever
    digest   TEXT NOT NULL,
    period   TEXT NOT NULL,
    issue_id INTEGER NOT NULL REFERENCES issues (id),
    PRIMARY KEY (digest, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE issue_posts (
    issue_id INTEGER NOT NULL REFERENCES issues (id),
    digest   TEXT NOT NULL,
    post_id  INTEGER NOT NULL,                       -- feed's; kept by newsletter
    position INTEGER NOT NULL,
    PRIMARY KEY (issue_id, post_id),
    UNIQUE (digest, post_id)
) STRICT, WITHOUT ROWID;

-- subscribers
CREATE TABLE subscribers (
    id            INTEGER PRIMARY KEY,
    address       TEXT NOT NULL,                     -- as mail is sent to it: local part as typed, domain as A-label; '' once erased
    address_key   TEXT UNIQUE,                       -- folded for comparison; NULL once erased
    name          TEXT NOT NULL DEFAULT '',
    state         TEXT NOT NULL CHECK (state IN ('pending', 'active', 'unsubscribed', 'bounced', 'complained', 'erased')),
    token_version INTEGER NOT NULL DEFAULT 1,        -- raise it and every link mailed so far is void
    created_at    INTEGER NOT NULL,
    confirmed_at  INTEGER,
    left_at       INTEGER
) STRICT;

CREATE TABLE subscriptions (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    digest        TEXT NOT NULL,
    watermark     INTEGER NOT NULL DEFAULT 0,        -- cut of the last issue owed; 0 = none yet
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (subscriber_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_digest ON subscriptions (digest, subscriber_id);

CREATE TABLE consents (
    id            INTEGER PRIMARY KEY,
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    at            INTEGER NOT NULL,
    event         TEXT NOT NULL,                     -- 'asked', 'confirmed', 'left', 'added', 'imported', 'erased'
    source        TEXT NOT NULL                      -- page, command or file it came by
) STRICT;
CREATE INDEX consents_subscriber ON consents (subscriber_id);

CREATE TABLE confirmations (                         -- confirm tokens: random, short-lived, stored hashed
    token_hash    BLOB PRIMARY KEY,
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    digest        TEXT NOT NULL,
    made_at       INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX confirmations_subscriber ON confirmations (subscriber_id, made_at);

CREATE TABLE suppressions (                          -- never mailed again unless they confirm anew; outlives erasure
    key_hash BLOB PRIMARY KEY,                       -- HMAC-SHA256 of the folded address
    reason   TEXT NOT NULL CHECK (reason IN ('unsubscribed', 'bounced', 'complained', 'erased', 'removed')),
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- outbox
CREATE TABLE letters (
    id      INTEGER PRIMARY KEY,
    mailing TEXT NOT NULL,                           -- "issue/12", "confirm/57/1": the thing everyone owed this letter gets once
    words   BLOB NOT NULL,                           -- frozen; opaque here, mailer reads it
    made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX letters_mailing ON letters (mailing);

CREATE TABLE deliveries (
    id            INTEGER PRIMARY KEY,
    mailing       TEXT NOT NULL,
    subscriber_id INTEGER NOT NULL,                  -- subscribers'; the row outlives an erasure
    generation    INTEGER NOT NULL DEFAULT 0,
    letter_id     INTEGER NOT NULL REFERENCES letters (id),
    address       TEXT NOT NULL,                     -- copied when owed
    name          TEXT NOT NULL,
    token_version INTEGER NOT NULL,
    since         INTEGER NOT NULL DEFAULT 0,        -- when the reader subscribed, for the footer; 0 = not said
    state         TEXT NOT NULL CHECK (state IN ('queued', 'claimed', 'dotting', 'sent', 'retry', 'failed', 'unknown', 'skipped', 'expired')),
    due_at        INTEGER,                           -- claimable from then on; NULL = nobody may claim it
    epoch         INTEGER NOT NULL DEFAULT 0,        -- of the courier that claimed it last
    attempts      INTEGER NOT NULL DEFAULT 0,        -- answers by which the server decided about this mail
    doubts        INTEGER NOT NULL DEFAULT 0,        -- times its dot went out with no answer kept
    barred        INTEGER NOT NULL DEFAULT 0,        -- 1: left, suppressed or dropped: whatever happens, never tried again
    date_at       INTEGER,                           -- Date header; written with the dotting mark, reused while doubts > 0
    owed_at       INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    code          INTEGER NOT NULL DEFAULT 0,        -- last SMTP reply, 0 = none
    reply         TEXT NOT NULL DEFAULT '',          -- its text, or the sentence that says why
    UNIQUE (mailing, subscriber_id, generation)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_subscriber ON deliveries (subscriber_id);
CREATE INDEX deliveries_held ON deliveries (epoch) WHERE state IN ('claimed', 'dotting');

CREATE TABLE attempts (                              -- one row per dot that may have left, and per refusal before it
    id          INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL REFERENCES deliveries (id),
    epoch       INTEGER NOT NULL,
    dotting_at  INTEGER,                             -- NULL: refused before the dot
    ended_at    INTEGER,
    outcome     TEXT NOT NULL DEFAULT '',            -- state it ended in
    code        INTEGER NOT NULL DEFAULT 0,
    reply       TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX attempts_delivery ON attempts (delivery_id);
CREATE INDEX attempts_dotting ON attempts (dotting_at) WHERE dotting_at IS NOT NULL;

CREATE TABLE couriers (
    epoch      INTEGER PRIMARY KEY AUTOINCREMENT,
    pid        INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    ending     TEXT NOT NULL DEFAULT ''              -- why it ended, as a sentence
) STRICT;

-- +goose Down
SELECT 1;
