from django.db import migrations

from yinghu.common.migrations import adopt_tables


class Migration(migrations.Migration):

    dependencies = [
        # It refuses an installation of which `dispatch` is not at its last migration.
        ('errands', '0001_initial'),
        ('routing', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(adopt_tables(
            'dispatch',
            'routing',
            models={'routingrule': 'routingrule'},
        )),
    ]
