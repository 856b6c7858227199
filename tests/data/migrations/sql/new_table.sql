-- all about a table of this very file
BEGIN;
CREATE TABLE IF NOT EXISTS app.orders (id bigserial PRIMARY KEY, user_id int REFERENCES users (id), UNIQUE (user_id));
ALTER TABLE app.orders ADD COLUMN total numeric NOT NULL;
ALTER TABLE app.orders ALTER COLUMN total SET NOT NULL;
CREATE INDEX ON app.orders (total);
CREATE UNIQUE INDEX orders_u ON app.orders USING btree (user_id);
ALTER TABLE app.orders ADD CONSTRAINT ck CHECK (total > 0), ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id);
INSERT INTO app.orders (total) VALUES (1);
ALTER TABLE app.orders RENAME COLUMN total TO sum;
ALTER TABLE app.orders DROP COLUMN sum;
COMMIT;
