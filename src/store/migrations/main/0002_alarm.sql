-- Alerts, and one outbox row a destination.
CREATE TABLE alert (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    attempt_id BLOB NOT NULL CHECK (length(attempt_id) = 16),
    action INTEGER NOT NULL,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 6),
    proved INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 1),
    ip TEXT NOT NULL,
    net TEXT NOT NULL,
    place TEXT NOT NULL,
    device TEXT NOT NULL,
    is_known_device INTEGER NOT NULL CHECK (is_known_device IN (0, 1)),
    answer TEXT NOT NULL CHECK (answer IN ('', 'me', 'not_me')),
    answered_ms INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;
CREATE INDEX alert_live ON alert (account_id, action, kind, net, at_ms);

CREATE TABLE outbox (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    alert_id BLOB NOT NULL CHECK (length(alert_id) = 16),
    channel INTEGER NOT NULL CHECK (channel BETWEEN 1 AND 4),
    letter INTEGER NOT NULL CHECK (letter BETWEEN 1 AND 6),
    action INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    label TEXT NOT NULL,
    recipient TEXT NOT NULL,
    p256dh BLOB NOT NULL CHECK (length(p256dh) IN (0, 65)),
    auth BLOB NOT NULL CHECK (length(auth) IN (0, 16)),
    push_id BLOB NOT NULL CHECK (length(push_id) = 16),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    sealed BLOB NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    written_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL CHECK (tries >= 0),
    at_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;
CREATE INDEX outbox_due ON outbox (state, due_ms);
CREATE INDEX outbox_by_alert ON outbox (account_id, alert_id);
-- That an open page had the alert is noted once.
CREATE UNIQUE INDEX outbox_live ON outbox (account_id, alert_id) WHERE channel = 4;
