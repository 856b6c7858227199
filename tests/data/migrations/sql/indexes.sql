CREATE INDEX users_email ON users (email); -- want: index-lock
CREATE UNIQUE INDEX ON users (email); -- want: index-lock unique
CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (lower(email));
CREATE UNIQUE INDEX CONCURRENTLY u ON users (a); -- want: unique
BEGIN;
CREATE INDEX CONCURRENTLY j ON users (b); -- want: concurrently-in-transaction
COMMIT;
DROP INDEX CONCURRENTLY i;
START TRANSACTION;
DROP INDEX CONCURRENTLY j; -- want: concurrently-in-transaction
COMMIT;
