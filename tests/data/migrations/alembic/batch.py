from alembic import op
import sqlalchemy as sa


def upgrade():
    op.create_table("fresh", sa.Column("id", sa.Integer(), nullable=False))
    op.create_index("ix", "fresh", ["id"])
    with op.batch_alter_table("fresh") as b:
        b.add_column(sa.Column("x", sa.Integer(), nullable=False))
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("x", sa.Integer(), nullable=False))  # want: required-column
        batch_op.drop_column("y")  # want: drop
        batch_op.alter_column("z", nullable=False)  # want: tighten
        batch_op.create_index("i", ["x"])  # want: index-lock
    op.execute(
        sa.text(
            """
            -- of several statements
            UPDATE users SET x = 1; -- want: data-and-ddl
            ALTER TABLE users DROP COLUMN w; -- want: drop
            """
        )
    )
    op.execute(f"UPDATE {table} SET x = 1")  # want: cannot-inspect
    op.execute("ALTER TABLE users "  # want: drop
               "DROP COLUMN v")
    op.execute(users.update().values(x=1))


def downgrade():  # want: no-reverse
    raise NotImplementedError()
