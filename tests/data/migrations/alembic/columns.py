"""op.drop_table('not_this')"""
from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "a1"


def upgrade():
    # op.drop_table("nor_this")
    op.add_column('users', sa.Column('email', sa.String(), nullable=False))  # want: required-column
    op.add_column("users", sa.Column("ok", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("nick", sa.String()))
    op.add_column("users", sa.Column("uid", postgresql.UUID(), server_default=sa.text("gen_random_uuid()")))  # want: volatile-default
    op.add_column("users", sa.Column("made", sa.DateTime(), nullable=False, server_default=sa.func.now()))
    op.add_column("users", sa.Column("made2", sa.DateTime(), server_default=sa.text("now()")))
    op.add_column("users", sa.Column("n", sa.Integer(), sa.Computed("a + b"), nullable=False))
    op.add_column(  # want: required-column
        table_name="users",
        column=sa.Column("later", sa.String(), nullable=False),
    )
    op.add_column("users", make_column())  # want: cannot-inspect
    op.alter_column("users", "other", nullable=False)  # want: tighten
    op.alter_column("users", "other2", existing_type=sa.String(), nullable=True)
    op.alter_column("users", "n", type_=sa.BigInteger())  # want: type
    op.alter_column("users", "a", new_column_name="b")  # want: rename
    op.drop_column("users", "old")  # want: drop
    op.drop_table("old")  # want: drop
    op.rename_table("a", "b")  # want: rename
    op.f("ix")
    op.bulk_insert(users, [{"a": 1}])  # want: data-and-ddl
    op.frobnicate("x")  # want: cannot-inspect


def downgrade():
    op.drop_column("users", "email")
    op.drop_table("users")
