from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="Book",
            fields=[("id", models.BigAutoField(primary_key=True)), ("title", models.CharField(max_length=9))],
        ),
        migrations.AddField("book", "pages", models.IntegerField()),
        migrations.AddIndex("book", models.Index(fields=["title"], name="i")),
        migrations.AlterField("Book", "pages", models.BigIntegerField()),
        migrations.RemoveField("book", "pages"),
    ]
