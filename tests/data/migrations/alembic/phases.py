from alembic import op
from sqlalchemy import Column, Boolean


def upgrade():
    op.add_column('users', Column('email_verified', Boolean, nullable=True))
    for user in session.query(User).all():  # want: data-and-ddl
        user.email_verified = False
    session.commit()
    op.alter_column('users', 'email_verified', nullable=False)  # want: phases


def downgrade():
    op.drop_column('users', 'email_verified')
