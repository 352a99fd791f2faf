-- Attempts, and the cases that denied ones open.
CREATE TABLE attempt (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    action INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),
    rev INTEGER NOT NULL,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    email TEXT NOT NULL,
    is_real INTEGER NOT NULL CHECK (is_real IN (0, 1)),
    is_known_device INTEGER NOT NULL CHECK (is_known_device IN (0, 1)),
    opener_session BLOB NOT NULL,
    opener_device BLOB NOT NULL,
    new_device BLOB NOT NULL,
    proved INTEGER NOT NULL,
    wrong INTEGER NOT NULL,
    has_alerted INTEGER NOT NULL CHECK (has_alerted IN (0, 1)),
    is_disowned INTEGER NOT NULL CHECK (is_disowned IN (0, 1)),
    is_familiar INTEGER NOT NULL CHECK (is_familiar IN (0, 1)),
    is_mailed INTEGER NOT NULL CHECK (is_mailed IN (0, 1)),
    is_undone INTEGER NOT NULL CHECK (is_undone IN (0, 1)),
    held_alert BLOB NOT NULL,
    opened_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    hold_until_ms INTEGER NOT NULL,
    code_until_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    ip TEXT NOT NULL,
    net TEXT NOT NULL,
    country TEXT NOT NULL,
    place TEXT NOT NULL,
    device TEXT NOT NULL,
    name TEXT NOT NULL,
    device_name TEXT NOT NULL,
    subject BLOB NOT NULL CHECK (length(subject) = 32),
    detail TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;
CREATE INDEX attempt_by_state ON attempt (state, expires_ms);
CREATE INDEX attempt_by_subject ON attempt (account_id, action, subject, opened_ms);
CREATE INDEX attempt_by_net ON attempt (account_id, net, action, opened_ms);

CREATE TABLE security_case (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    attempt_id BLOB NOT NULL,
    opened_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;
CREATE INDEX security_case_by_attempt ON security_case (account_id, attempt_id);
