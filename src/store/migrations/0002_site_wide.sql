-- What holds for all nodes at once, such as `stopped`, as JSON.
CREATE TABLE site_wide (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
