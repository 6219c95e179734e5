"""Indexes from which the rates are counted: of the few verbs that count, and of two clocks."""

from django.db import migrations, models
from django.db.models import Q

VERBS = (
    "answer",
    "assign",
    "escalate",
    "extend",
    "no_answer",
    "rate",
    "reopen",
    "resolve",
    "return",
    "rule",
)


class Migration(migrations.Migration):
    dependencies = [("appeals", "0007_chasing")]
    operations = [
        migrations.AddIndex(
            model_name="clock",
            index=models.Index(
                fields=["kind", "stopped_at"],
                name="clock_stopped",
                include=("appeal", "due_at", "paused_at"),
                condition=Q(kind__in=("receive", "solve"), stopped_at__isnull=False),
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["verb", "at"], name="event_counted", condition=Q(verb__in=VERBS)
            ),
        ),
    ]
