"""A changed row's key is kept whole, so that its history is found again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0003_faces"),
    ]

    operations = [
        migrations.AlterField(
            model_name="change",
            name="key",
            field=models.CharField(max_length=240),
        ),
    ]
