class Constraints < ActiveRecord::Migration[6.1]
  def change
    add_foreign_key :orders, :users # want: constraint-lock
    add_foreign_key :orders, :users, validate: false
    add_check_constraint :orders, "total > 0", name: "ck" # want: constraint-lock
    add_check_constraint :orders, "total > 0", name: "ck", validate: false
    validate_check_constraint :orders, name: "ck"
    add_index :orders, :a, unique: true, algorithm: :concurrently # want: concurrently-in-transaction unique
    reversible do |dir|
      dir.up do
        execute "DROP TABLE x" # want: drop
      end
      dir.down do
        execute "DROP TABLE y"
      end
    end
    reversible do |dir|
      dir.up { remove_column :users, :a } # want: drop
      dir.down { remove_column :users, :b }
    end
  end
end
