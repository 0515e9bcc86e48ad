-- Milliseconds within the second of `at`: without them what happened within one second stands in no true order.
ALTER TABLE event ADD COLUMN ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE moment ADD COLUMN ms INTEGER NOT NULL DEFAULT 0;
