class OneWay < ActiveRecord::Migration[7.0]
  def up # want: no-reverse
    add_column :users, :a, :string
  end
end
