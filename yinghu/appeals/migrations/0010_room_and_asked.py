from django.db import migrations, models

_ASKED = ["help", "whistle", "measures", "contest", "grade", "account", "ruling"]


class Migration(migrations.Migration):
    """An index of what is waited for; and a tenth of each page of appeals is left free, so that
    what changes no indexed column (each step of chasing counts the version up) is written beside
    the old row, and no index is touched.
    """

    dependencies = [("appeals", "0009_limit_above_zero"), ("people", "0006_oversight")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE appeals_appeal SET (fillfactor = 90)",
            "ALTER TABLE appeals_appeal RESET (fillfactor)",
        ),
        migrations.RemoveIndex("clock", "clock_ruling"),
        migrations.AddIndex(
            "clock",
            models.Index(
                fields=["kind", "unit"],
                name="clock_asked",
                include=["appeal"],
                condition=models.Q(kind__in=_ASKED, stopped_at__isnull=True),
            ),
        ),
    ]
