-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY i ON users (a);
-- +goose Down
DROP INDEX i;
