-- What a restore has read of another device's repository.
CREATE TABLE backup_read (
    account_id BLOB NOT NULL,
    attempt_id BLOB NOT NULL CHECK (length(attempt_id) = 16),
    bytes INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, attempt_id)
) @strict;

-- What is expected of the backup of a device, when its owner was last told that it did not come, and when its objects
-- were last read again. lease_ms: until when somebody is doing that.
CREATE TABLE backup_watch (
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL CHECK (length(device_id) = 16),
    expected_days INTEGER NOT NULL CHECK (expected_days BETWEEN 0 AND 3650),
    told_ms INTEGER NOT NULL,
    checked_ms INTEGER NOT NULL,
    lease_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, device_id)
) @strict;
