"""The tables as the app `channels` left them, by their present names."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from yinghu.common.migrations import require_migrated


class Migration(migrations.Migration):

    initial = True
    replaces = [('channels', '0002_faces')]

    dependencies = [
        ('appeals', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(require_migrated('channels', '0002_faces', table='channels_message')),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('channel', models.CharField(max_length=40)),
                ('external_id', models.CharField(max_length=120)),
                ('raw', models.BinaryField()),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('error', models.CharField(blank=True, default='', max_length=300)),
                ('appeal', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='appeals.appeal')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('channel', 'external_id'), name='message_once')],
            },
        ),
        migrations.CreateModel(
            name='Code',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('caller', models.BinaryField()),
                ('digest', models.BinaryField(max_length=32)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('used_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['caller', '-id'], name='code_of')],
            },
        ),
    ]
