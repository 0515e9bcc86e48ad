-- Bearer tokens of the remote API. The secret itself is nowhere; `id` is its public prefix.
CREATE TABLE api_token (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    hash    TEXT NOT NULL,              -- argon2id, as a PHC string
    created INTEGER NOT NULL,           -- Unix seconds, like the others
    expires INTEGER,                    -- none: never
    revoked INTEGER                     -- none: valid
) STRICT;

-- A name tells one valid token in the audit log; a revoked one gives it free.
CREATE UNIQUE INDEX api_token_by_name ON api_token (name) WHERE revoked IS NULL;
