"""Stop the clocks of cases that had ended before all kinds were stopped at the end."""

from django.db import migrations

_STOP = """
UPDATE appeals_clock AS clock
SET stopped_at = CASE WHEN clock.kind = 'grade' THEN NULL 
        ELSE greatest(clock.started_at, coalesce(appeal.closed_at, now())) END,
    paused_at = CASE WHEN clock.kind = 'grade' THEN coalesce(clock.paused_at, now())
        ELSE clock.paused_at END
FROM appeals_appeal AS appeal
WHERE appeal.id = clock.appeal_id AND clock.stopped_at IS NULL
  AND appeal.status IN ('closed', 'merged', 'declined', 'withdrawn')
  -- An alarm goes on until a desk has looked.
  AND NOT (appeal.alarmed AND clock.kind IN ('alarm', 'judge'))
"""


class Migration(migrations.Migration):
    dependencies = [("appeals", "0013_reported")]
    operations = [migrations.RunSQL(_STOP, migrations.RunSQL.noop)]
