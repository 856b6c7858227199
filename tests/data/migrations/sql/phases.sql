ALTER TABLE users ADD COLUMN email_verified boolean;
UPDATE users SET email_verified = false; -- want: data-and-ddl
ALTER TABLE users ALTER COLUMN email_verified SET NOT NULL; -- want: phases
