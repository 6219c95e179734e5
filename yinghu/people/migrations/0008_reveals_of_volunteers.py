"""The access log tells what was shown, and of a volunteer too. The volunteers' earlier looks stay
in the history of changes, where they were written down."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("people", "0007_errands")]
    operations = [
        migrations.AlterField(
            "reveal",
            "appeal_number",
            models.CharField(blank=True, db_index=True, default="", max_length=16),
        ),
        migrations.AddField(
            "reveal",
            "volunteer",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reveals",
                to="people.volunteer",
            ),
        ),
        migrations.AddField(
            "reveal",
            "shown",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=10), default=list, size=None
            ),
        ),
        migrations.AddField("reveal", "asked", models.BooleanField(default=False)),
        migrations.AlterField(
            "reveal",
            "why",
            models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AlterField("reveal", "at", models.DateTimeField(db_default=Now())),
        migrations.AddConstraint(
            "reveal",
            models.CheckConstraint(
                condition=models.Q(volunteer=None) ^ models.Q(appeal_number=""),
                name="reveal_of_one",
            ),
        ),
        # Rows from before have nothing in `shown`: there may be two of them.
        migrations.RunSQL(
            """
            CREATE UNIQUE INDEX reveal_once ON people_reveal (
                user_id, appeal_number, why, shown,
                date_bin('15 minutes', at, '2000-01-01 00:00:00+00'))
            WHERE NOT asked AND shown <> '{}'
            """,
            "DROP INDEX reveal_once",
        ),
    ]
