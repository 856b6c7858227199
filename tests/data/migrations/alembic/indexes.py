from alembic import op


def upgrade() -> None:
    op.create_index("ix_a", "users", ["a"])  # want: index-lock
    op.create_index(op.f("ix_b"), "users", ["b"], unique=True)  # want: index-lock unique
    op.create_index("ix_c", "users", ["c"], postgresql_concurrently=True)  # want: concurrently-in-transaction
    with op.get_context().autocommit_block():
        op.create_index("ix_d", "users", ["d"], postgresql_concurrently=True)
        op.execute("CREATE INDEX CONCURRENTLY e ON users (e)")
    op.execute("CREATE INDEX CONCURRENTLY f ON users (f)")  # want: concurrently-in-transaction
    op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"])  # want: constraint-lock
    op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"], postgresql_not_valid=True)
    op.create_check_constraint("ck", "orders", "total > 0")  # want: constraint-lock
    op.create_unique_constraint("u", "orders", ["a"])  # want: unique


def downgrade() -> None:  # want: no-reverse
    pass
