from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.AddField("user", "verified", models.BooleanField(null=True)),
        migrations.RunPython(fill, unfill),  # want: data-and-ddl
        migrations.AlterField("user", "verified", models.BooleanField(default=False)),  # want: phases
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("user", "old")],
            database_operations=[
                migrations.RemoveField("user", "older"),  # want: drop
            ],
        ),
    ]
