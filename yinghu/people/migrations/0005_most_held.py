"""How many cases one of a unit's volunteers may have in hand at once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0004_whole_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="unit",
            name="most_held",
            field=models.PositiveSmallIntegerField(db_default=5, default=5),
        ),
    ]
