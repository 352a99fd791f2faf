-- "It wasn't me" that locks an account, from before the keeper is asked until it is carried out: what a crash leaves here is
-- gone on with. session_id, device_id: the one that stays; zeros: none.
CREATE TABLE veto (
    account_id BLOB NOT NULL,
    alert_id BLOB NOT NULL CHECK (length(alert_id) = 16),
    at_ms INTEGER NOT NULL,
    session_id BLOB NOT NULL CHECK (length(session_id) = 16),
    device_id BLOB NOT NULL CHECK (length(device_id) = 16),
    tells_team INTEGER NOT NULL CHECK (tells_team IN (0, 1)),
    note TEXT NOT NULL,
    PRIMARY KEY (account_id, alert_id)
) @strict;
CREATE INDEX veto_by_age ON veto (at_ms);
