-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY i ON users (a);
-- migrate:down
DROP TABLE users;
