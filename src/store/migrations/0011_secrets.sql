-- The passwords of the cloud. `value` and `previous` are sealed when `meta` has a row `seal`, else as they are.
CREATE TABLE secret (
    name     TEXT PRIMARY KEY,
    value    BLOB NOT NULL,
    previous BLOB,                      -- what nodes have that were not installed since the last rotation
    origin   TEXT NOT NULL,             -- generated, or set by an operator
    changed  INTEGER NOT NULL           -- Unix seconds
) STRICT;
