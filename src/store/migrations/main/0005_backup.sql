-- Which program writes and reads the backups of a device. One a device; only a hash of the token.
CREATE TABLE backup_token (
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL CHECK (length(device_id) = 16),
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, device_id)
) @strict;
CREATE UNIQUE INDEX backup_token_by_hash ON backup_token (account_id, token_hash);

-- What the repository of a device holds. marks: fronts that have counted in memory what is not written here yet; when
-- their lease is over and the mark still stands, they died, and the repository is counted anew.
CREATE TABLE backup_repository (
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL CHECK (length(device_id) = 16),
    bytes INTEGER NOT NULL,
    files INTEGER NOT NULL,
    snapshots INTEGER NOT NULL,
    last_write_ms INTEGER NOT NULL,
    made_ms INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    lease_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, device_id)
) @strict;

-- What it held on each of its last ninety days, for the eye. day: since 1970, UTC.
CREATE TABLE backup_growth (
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL CHECK (length(device_id) = 16),
    day INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (account_id, device_id, day)
) @strict;
