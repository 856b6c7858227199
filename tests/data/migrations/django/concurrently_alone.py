from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    operations = [
        AddIndexConcurrently("user", models.Index(fields=["a"], name="i")),
        AddConstraintNotValid("user", models.CheckConstraint(check=models.Q(a=1), name="c")),
        ValidateConstraint("user", "c"),
    ]
