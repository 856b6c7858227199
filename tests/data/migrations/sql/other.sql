-- database: oracle
CREATE INDEX i ON users (a);
ALTER TABLE users ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES b (c);
ALTER TABLE users ADD email varchar2(20) NOT NULL; -- want: required-column
WITH old AS (SELECT 1) UPDATE users SET a = 1; -- want: data-and-ddl
