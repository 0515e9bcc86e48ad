-- A checksum beside each record, so that a changed one is known for what it is when it is read (src/store/sums.rs, which
-- also fills it in for the records of before: 0 is what they have until then). The audit log has its chain.
ALTER TABLE node      ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event     ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE site_wide ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta      ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE secret    ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_token ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE moment    ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
