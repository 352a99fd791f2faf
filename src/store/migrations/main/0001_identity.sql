-- Who people are. No credential stands here: those are the keeper's.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) @strict;

-- The only way from an address to an account; it stands outside the shards. until_ms: 0 while it is the account's; else it was
-- given up and is kept for that account alone until then. generation: how often it was given up.
CREATE TABLE address (
    email TEXT NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL CHECK (length(account_id) = 16),
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 0)
) @strict;

CREATE TABLE account (
    account_id BLOB NOT NULL PRIMARY KEY CHECK (length(account_id) = 16),
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    created_ms INTEGER NOT NULL,
    leaves_ms INTEGER NOT NULL
) @strict;
CREATE INDEX account_leaving ON account (leaves_ms);

-- Countries the account was signed in from, and since when. 0: since it was made.
CREATE TABLE account_place (
    account_id BLOB NOT NULL,
    country TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, country)
) @strict;

CREATE TABLE contact (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    email TEXT NOT NULL,
    added_ms INTEGER NOT NULL,
    removed_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;

CREATE TABLE device (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    name TEXT NOT NULL,
    platform TEXT NOT NULL,
    place TEXT NOT NULL,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    trusted_ms INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL,
    is_first INTEGER NOT NULL CHECK (is_first IN (0, 1)),
    PRIMARY KEY (account_id, id)
) @strict;
CREATE UNIQUE INDEX device_by_token ON device (account_id, token_hash);

-- Device tokens that were replaced. is_dead: the new one was seen since, so that a use of this one is a sign of theft.
CREATE TABLE old_token (
    account_id BLOB NOT NULL,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    device_id BLOB NOT NULL,
    is_dead INTEGER NOT NULL CHECK (is_dead IN (0, 1)),
    replaced_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, token_hash)
) @strict;
CREATE INDEX old_token_by_device ON old_token (account_id, device_id, replaced_ms);

CREATE TABLE session (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    device_id BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    proofs INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;
CREATE INDEX session_by_expiry ON session (expires_ms);

CREATE TABLE push_subscription (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    device_id BLOB NOT NULL,
    endpoint TEXT NOT NULL,
    p256dh BLOB NOT NULL CHECK (length(p256dh) = 65),
    auth BLOB NOT NULL CHECK (length(auth) = 16),
    added_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;
CREATE UNIQUE INDEX push_by_endpoint ON push_subscription (account_id, endpoint);

-- Passkeys by name; the keeper has what they are verified with. removed_ms: 0 while it counts.
CREATE TABLE passkey (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    credential_id BLOB NOT NULL,
    name TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    removed_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;

-- Programs that may check sessions. A handful; the whole table is in memory.
CREATE TABLE service (
    name TEXT NOT NULL PRIMARY KEY,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    made_ms INTEGER NOT NULL
) @strict;
