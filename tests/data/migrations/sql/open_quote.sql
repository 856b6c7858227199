ALTER TABLE a ADD COLUMN b int;
INSERT INTO t VALUES ('never closed); -- want: cannot-inspect data-and-ddl
