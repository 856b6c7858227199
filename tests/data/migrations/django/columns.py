from django.db import migrations, models
import django.db.models.deletion


def forwards(apps, schema_editor):
    apps.get_model("shop", "Book").objects.update(x=1)


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]

    operations = [
        migrations.AddField("book", "title", models.CharField(max_length=10)),  # want: required-column
        migrations.AddField(  # want: required-column
            model_name="book",
            name="pages",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField("book", "isbn", models.CharField(max_length=10, null=True)),
        migrations.AddField("book", "made", models.DateTimeField(db_default=Now())),
        migrations.AddField("book", "tags", models.ManyToManyField(to="shop.Tag")),
        migrations.AddField("book", "area", models.GeneratedField(expression=F("a"), db_persist=True)),
        migrations.AddField("book", "slug", models.SlugField(null=True, unique=True)),  # want: unique
        migrations.AddField("book", "x", FIELD),  # want: cannot-inspect
        migrations.AlterField("book", "price", models.IntegerField()),  # want: tighten
        migrations.AlterField("book", "price2", models.IntegerField(null=True)),  # want: type
        migrations.RemoveField("book", "old"),  # want: drop
        migrations.DeleteModel(name="Old"),  # want: drop
        migrations.RenameField("book", "a", "b"),  # want: rename
        migrations.RenameModel("Book", "Tome"),  # want: rename
        migrations.AlterModelTable("book", "tomes"),  # want: rename
        migrations.AddIndex("book", models.Index(fields=["a"], name="i")),  # want: index-lock
        migrations.AddConstraint("book", models.CheckConstraint(check=Q(a=1), name="c")),  # want: constraint-lock
        migrations.AddConstraint(model_name="book", constraint=models.UniqueConstraint(fields=["a"], name="u")),  # want: unique
        migrations.AlterUniqueTogether("book", {("a", "b")}),  # want: unique
        migrations.AlterModelOptions("book", {}),
        migrations.RunPython(forwards),  # want: data-and-ddl no-reverse
        migrations.RunPython(forwards, migrations.RunPython.noop),
        migrations.RunSQL("ALTER TABLE a DROP COLUMN b", migrations.RunSQL.noop),  # want: drop
        migrations.RunSQL(["DROP TABLE c", "SELECT 1"], reverse_sql="SELECT 2"),  # want: drop
        migrations.RunSQL(sql=SQL, reverse_sql=""),  # want: cannot-inspect
        helper(),  # want: cannot-inspect
        *more,  # want: cannot-inspect
    ]
