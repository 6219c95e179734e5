"""The table as the app `dispatch` left it, by its present name."""

import django.db.models.deletion
from django.db import migrations, models

from yinghu.common.migrations import require_migrated


class Migration(migrations.Migration):

    initial = True
    replaces = [('dispatch', '0002_initial')]

    dependencies = [
        ('people', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(require_migrated('dispatch', '0002_initial', table='dispatch_routingrule')),
        migrations.CreateModel(
            name='RoutingRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order', models.PositiveIntegerField(unique=True)),
                ('category', models.CharField(blank=True, max_length=60)),
                ('klass', models.CharField(blank=True, max_length=8)),
                ('area', models.CharField(blank=True, max_length=24)),
                ('channel', models.CharField(blank=True, max_length=40)),
                ('field', models.CharField(blank=True, max_length=40)),
                ('value', models.CharField(blank=True, max_length=80)),
                ('active', models.BooleanField(default=True)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='people.unit')),
            ],
            options={
                'ordering': ('order',),
            },
        ),
    ]
