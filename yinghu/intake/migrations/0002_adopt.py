from django.db import migrations

from yinghu.common.migrations import adopt_tables


class Migration(migrations.Migration):

    dependencies = [
        ('intake', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(adopt_tables(
            'channels',
            'intake',
            models={'message': 'message', 'code': 'code'},
        )),
    ]
