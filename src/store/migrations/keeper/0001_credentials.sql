-- The database of the keeper alone. account_id leads every key, so that it shards. Nothing here shows a password, a recovery
-- key or a code without the pepper, which is not here.
CREATE TABLE credential (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    kind BIGINT NOT NULL CHECK (kind IN (1, 2)),
    scheme BIGINT NOT NULL CHECK (scheme IN (1, 2)),
    pepper_id BYTEA NOT NULL CHECK (length(pepper_id) = 8),
    memory_kib BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    salt BYTEA NOT NULL,
    hash BYTEA NOT NULL CHECK (length(hash) = 32),
    rev BIGINT NOT NULL,
    is_locked BIGINT NOT NULL CHECK (is_locked IN (0, 1)),
    made_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind)
) @strict;

CREATE TABLE attempt (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    attempt_id BYTEA NOT NULL CHECK (length(attempt_id) = 16),
    action BIGINT NOT NULL,
    device_id BYTEA NOT NULL CHECK (length(device_id) = 16),
    subject BYTEA NOT NULL CHECK (length(subject) = 32),
    state BIGINT NOT NULL CHECK (state BETWEEN 1 AND 4),
    proved BIGINT NOT NULL,
    tried BIGINT NOT NULL,
    wrong BIGINT NOT NULL,
    approve_wrong BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    touched_ms BIGINT NOT NULL,
    password_rev BIGINT NOT NULL,
    recovery_rev BIGINT NOT NULL,
    recovery_salt BYTEA,
    nonce BYTEA,
    passkey_id BYTEA NOT NULL CHECK (length(passkey_id) = 16),
    PRIMARY KEY (account_id, attempt_id)
) @strict;
CREATE INDEX attempt_by_expiry ON attempt (state, expires_ms);

-- removed_ms: 0 while it counts; for a week after that it can be put back.
CREATE TABLE passkey (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    passkey_id BYTEA NOT NULL CHECK (length(passkey_id) = 16),
    credential_hash BYTEA NOT NULL CHECK (length(credential_hash) = 32),
    credential_id BYTEA NOT NULL,
    alg BIGINT NOT NULL CHECK (alg IN (-7, -8, -257)),
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    is_backup_eligible BIGINT NOT NULL CHECK (is_backup_eligible IN (0, 1)),
    is_backed_up BIGINT NOT NULL CHECK (is_backed_up IN (0, 1)),
    made_ms BIGINT NOT NULL,
    added_by BYTEA NOT NULL CHECK (length(added_by) = 16),
    removed_ms BIGINT NOT NULL,
    removed_by BYTEA NOT NULL CHECK (length(removed_by) = 16),
    PRIMARY KEY (account_id, passkey_id)
) @strict;
CREATE UNIQUE INDEX passkey_by_credential ON passkey (account_id, credential_hash);
CREATE INDEX passkey_removed ON passkey (removed_ms);

-- What an attempt replaced, for a week. kind 9: the account leaves.
CREATE TABLE past (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    attempt_id BYTEA NOT NULL CHECK (length(attempt_id) = 16),
    kind BIGINT NOT NULL CHECK (kind IN (1, 2, 9)),
    action BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    pepper_id BYTEA,
    memory_kib BIGINT,
    passes BIGINT,
    salt BYTEA,
    hash BYTEA,
    PRIMARY KEY (account_id, attempt_id, kind)
) @strict;
CREATE INDEX past_by_age ON past (at_ms);

CREATE TABLE code (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    attempt_id BYTEA NOT NULL CHECK (length(attempt_id) = 16),
    way BIGINT NOT NULL CHECK (way IN (1, 2, 3)),
    digits BYTEA NOT NULL,
    is_used BIGINT NOT NULL CHECK (is_used IN (0, 1)),
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, attempt_id, way)
) @strict;
CREATE INDEX code_by_expiry ON code (expires_ms);

CREATE TABLE budget (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    factor BIGINT NOT NULL,
    bucket BYTEA NOT NULL CHECK (length(bucket) = 16),
    stamps TEXT NOT NULL,
    touched_ms BIGINT NOT NULL,
    told_ms BIGINT NOT NULL,
    closed_until_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, factor, bucket)
) @strict;
CREATE INDEX budget_by_touch ON budget (touched_ms);

CREATE TABLE failure (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    factor BIGINT NOT NULL,
    bucket BYTEA NOT NULL CHECK (length(bucket) = 16),
    in_a_row BIGINT NOT NULL,
    touched_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, factor, bucket)
) @strict;
CREATE INDEX failure_by_touch ON failure (touched_ms);

CREATE TABLE known_device (
    account_id BYTEA NOT NULL CHECK (length(account_id) = 16),
    device_id BYTEA NOT NULL CHECK (length(device_id) = 16),
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, device_id)
) @strict;
