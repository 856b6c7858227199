from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        AddIndexConcurrently("user", models.Index(fields=["a"], name="i")),  # want: concurrently-in-transaction
    ]
