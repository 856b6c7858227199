class ChangeUsers < ActiveRecord::Migration[7.0]
  def change
    # drop_table :not_this
    add_column :users, :email, :string, null: false # want: required-column
    add_column :users, :ok, :boolean, null: false, default: false
    add_column :users, :nick, :string
    add_column :users, :uid, :uuid, default: "gen_random_uuid()" # want: volatile-default
    add_column :users, # want: required-column
               :late,
               :string,
               null: false
    add_column "users", "x", :virtual, as: "a + b", stored: true, null: false
    add_timestamps :users # want: required-column
    add_timestamps :users, null: true
    add_reference :users, :team # want: index-lock
    add_reference :users, :side, index: false, foreign_key: true # want: constraint-lock
    add_reference :users, :side, index: { algorithm: :concurrently }, foreign_key: { validate: false } # want: concurrently-in-transaction
    change_column_null :users, :other, false # want: tighten
    change_column_null :users, :other, true
    change_column_default :users, :other, from: nil, to: 1
    change_column :users, :n, :bigint # want: type
    change_column :users, :m, :bigint, null: false # want: tighten
    remove_column :users, :old, :string # want: drop
    safety_assured { remove_column :users, :older } # want: drop
    remove_columns :users, :a, :b # want: drop drop
    rename_column :users, :a, :b # want: rename
    rename_table :a, :b # want: rename
    drop_table :gone do |t| # want: drop
      t.string :x
    end
    add_column(:users, :paren, :string, null: false) # want: required-column
    add_column :users, :cond, :string, null: false if ok? # want: required-column
    create_table :fresh do |t|
      t.string :name, null: false
      t.references :user, foreign_key: true
      t.index [:name], unique: true
    end
    add_index :fresh, :name
    add_column :fresh, :y, :string, null: false
    change_table :users, bulk: true do |t|
      t.string :p, null: false # want: required-column
      t.string :q
      t.remove :r, :s # want: drop drop
      t.rename :a, :b # want: rename
      t.index :q # want: index-lock
      t.references :team, index: false
    end
    User.update_all(nick: "x") # want: data-and-ddl no-reverse
  end
end
