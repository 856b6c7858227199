-- +goose Up
CREATE INDEX CONCURRENTLY i ON users (a); -- want: concurrently-in-transaction
ALTER TABLE users ADD COLUMN a int;
-- +goose Down
DROP TABLE users;
ALTER TABLE users DROP COLUMN a;
