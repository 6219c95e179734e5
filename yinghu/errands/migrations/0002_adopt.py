from django.db import migrations

from yinghu.common.migrations import adopt_tables


class Migration(migrations.Migration):

    dependencies = [
        ('errands', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(adopt_tables(
            'dispatch',
            'errands',
            models={
                'errandtemplate': 'errandtemplate',
                'fixedhelper': 'fixedhelper',
                'errand': 'errand',
                'leg': 'leg',
                'offer': 'offer',
                'fieldrecord': 'fieldrecord',
            },
        )),
    ]
