-- database: postgresql version: 10
ALTER TABLE users ADD COLUMN active boolean NOT NULL DEFAULT true; -- want: volatile-default
ALTER TABLE users ADD COLUMN b int;
