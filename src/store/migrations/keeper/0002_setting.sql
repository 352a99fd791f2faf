-- What is one for the whole database: the name by which it and the main database know each other.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
) @strict;
