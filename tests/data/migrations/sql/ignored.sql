-- sk:ignore migration-drop nothing has read it since release 4.2
ALTER TABLE users DROP COLUMN old;
ALTER TABLE users
  DROP COLUMN older -- sk:ignore migration-drop the same
;

-- sk:ignore migration-drop
ALTER TABLE users DROP COLUMN eldest; -- want: drop
-- sk:ignore migration-rename it is another rule that this names
ALTER TABLE users DROP COLUMN first; -- want: drop
