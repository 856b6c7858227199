class Backfill < ActiveRecord::Migration[7.0]
  disable_ddl_transaction!

  def up
    add_column :users, :verified, :boolean
    User.in_batches.update_all(verified: false) # want: data-and-ddl
    change_column_null :users, :verified, false # want: phases
    add_index :users, :verified, algorithm: :concurrently
    execute "DROP INDEX CONCURRENTLY x"
    execute <<~SQL
      UPDATE users SET a = 1;
      ALTER TABLE users DROP COLUMN w; -- want: drop
    SQL
    execute("ALTER TABLE #{name} DROP COLUMN x") # want: cannot-inspect
    execute <<-SQL.squish
      ALTER TABLE users ADD COLUMN z int NOT NULL -- want: required-column
    SQL
  end

  def down
    remove_column :users, :verified
    drop_table :users
  end
end
