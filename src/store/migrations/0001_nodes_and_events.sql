-- One row per node: its state and marks as versioned JSON records (see record.rs).
CREATE TABLE node (
    mac     TEXT PRIMARY KEY,
    record  TEXT NOT NULL,
    updated INTEGER NOT NULL            -- Unix seconds
) STRICT;

-- What happened, in order. Rows are only ever added.
CREATE TABLE event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,           -- Unix seconds
    mac     TEXT NOT NULL,
    kind    TEXT NOT NULL,
    state   TEXT NOT NULL,              -- the state after it
    attempt TEXT,
    detail  TEXT NOT NULL
) STRICT;

CREATE INDEX event_by_mac ON event (mac, id);

CREATE TRIGGER event_is_append_only_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

CREATE TRIGGER event_is_append_only_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
