-- What was seen of each MAC on the wire, strangers too: bounded per MAC, in the number of strangers, and by age. Unlike
-- `event` it decides nothing, so rows may go.
CREATE TABLE moment (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,            -- Unix seconds
    until  INTEGER NOT NULL,            -- of the last repetition
    mac    TEXT NOT NULL,
    source TEXT NOT NULL,               -- dhcp, tftp, http, silence, installer
    text   TEXT NOT NULL,
    times  INTEGER NOT NULL
) STRICT;

CREATE INDEX moment_by_mac ON moment (mac, id);
CREATE INDEX moment_by_at ON moment (at);
