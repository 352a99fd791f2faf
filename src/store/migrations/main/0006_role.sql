-- What an account may do beyond its own affairs. Given and taken by the operator alone.
CREATE TABLE account_role (
    account_id BLOB NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('security')),
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, role)
) @strict;
