-- People who are signed in to the pages. The secret itself is nowhere; `id` is its SHA-256 hash. Rows go when a session
-- ends: the audit log says who signed in and out.
CREATE TABLE session (
    id      TEXT PRIMARY KEY,
    who     TEXT NOT NULL,              -- as the audit log names the person
    role    TEXT NOT NULL,
    token   TEXT,                       -- id of the token that it began with; none: a link
    created INTEGER NOT NULL,           -- Unix seconds, like the next one
    expires INTEGER NOT NULL,
    sum     INTEGER NOT NULL DEFAULT 0
) STRICT;
