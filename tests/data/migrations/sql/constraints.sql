ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id); -- want: constraint-lock
ALTER TABLE orders ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT fk2;
ALTER TABLE orders ADD CONSTRAINT ck CHECK (total > 0); -- want: constraint-lock
ALTER TABLE orders ADD CONSTRAINT ck2 CHECK (total > 0) NOT VALID;
ALTER TABLE orders ADD CHECK (total > 0); -- want: constraint-lock
ALTER TABLE orders ADD UNIQUE (a, b); -- want: unique
ALTER TABLE orders ADD CONSTRAINT u UNIQUE USING INDEX u_idx;
ALTER TABLE orders ADD PRIMARY KEY (id); -- want: unique
ALTER TABLE orders ALTER COLUMN total SET NOT NULL; -- want: tighten
