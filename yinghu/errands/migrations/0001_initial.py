"""The tables as the app `dispatch` left them, by their present names."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from yinghu.common.migrations import require_migrated


class Migration(migrations.Migration):

    initial = True
    replaces = [('dispatch', '0003_errands')]

    dependencies = [
        ('appeals', '0011_errands'),
        ('people', '0007_errands'),
        ('places', '0004_errands'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(require_migrated('dispatch', '0003_errands', table='dispatch_routingrule')),
        migrations.CreateModel(
            name='ErrandTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('legs', models.JSONField(default=list)),
                ('words', models.TextField(blank=True)),
                ('auto', models.BooleanField(default=True)),
                ('order', models.PositiveSmallIntegerField(default=100)),
                ('active', models.BooleanField(default=True)),
                ('category', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='appeals.category')),
            ],
            options={
                'ordering': ('order', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Errand',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=60)),
                ('words', models.TextField(default='')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('appeal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='errands', to='appeals.appeal')),
                ('template', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to='errands.errandtemplate')),
            ],
        ),
        migrations.CreateModel(
            name='Leg',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('n', models.PositiveSmallIntegerField()),
                ('after', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), blank=True, default=list, size=None)),
                ('kind', models.CharField(choices=[('buy', '代买'), ('queue', '排队'), ('collect', '取件'), ('hand_over', '交接'), ('carry', '送到'), ('drive', '接送'), ('visit', '上门'), ('phone', '打电话')], max_length=10)),
                ('title', models.CharField(max_length=60)),
                ('what', models.TextField(blank=True, default='')),
                ('state', models.CharField(choices=[('open', '等人接'), ('taken', '有人在办'), ('done', '办完'), ('dropped', '取消')], default='open', max_length=8)),
                ('at_home', models.BooleanField(default=False)),
                ('lon', models.FloatField(null=True)),
                ('lat', models.FloatField(null=True)),
                ('about_lon', models.FloatField(null=True)),
                ('about_lat', models.FloatField(null=True)),
                ('skill', models.CharField(blank=True, default='', max_length=40)),
                ('proof', models.CharField(choices=[('none', '不用'), ('words', '写一句'), ('photo', '拍照')], default='none', max_length=6)),
                ('kept', models.CharField(blank=True, default='', max_length=200)),
                ('estimate', models.PositiveIntegerField(null=True)),
                ('paid', models.PositiveIntegerField(null=True)),
                ('repaid_at', models.DateTimeField(null=True)),
                ('opened_at', models.DateTimeField(null=True)),
                ('ready_at', models.DateTimeField(null=True)),
                ('taken_at', models.DateTimeField(null=True)),
                ('active_at', models.DateTimeField(null=True)),
                ('nudged_at', models.DateTimeField(null=True)),
                ('given_at', models.DateTimeField(null=True)),
                ('received_at', models.DateTimeField(null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('minutes', models.PositiveIntegerField(default=0)),
                ('stage', models.PositiveSmallIntegerField(default=0)),
                ('stage_at', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(null=True)),
                ('appeal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='all_legs', to='appeals.appeal')),
                ('area', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='places.area')),
                ('errand', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='legs', to='errands.errand')),
                ('giver', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('holder', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='legs', to=settings.AUTH_USER_MODEL)),
                ('place', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='places.place')),
                ('zone', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='places.zone')),
            ],
        ),
        migrations.CreateModel(
            name='FieldRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField()),
                ('verb', models.CharField(max_length=10)),
                ('said_at', models.DateTimeField()),
                ('came_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('result', models.JSONField(default=dict)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('leg', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='errands.leg')),
            ],
        ),
        migrations.CreateModel(
            name='Offer',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('until', models.DateTimeField()),
                ('answer', models.CharField(blank=True, choices=[('', '等回答'), ('yes', '接了'), ('no', '不方便'), ('late', '没有回答'), ('gone', '别人接了')], default='', max_length=8)),
                ('answered_at', models.DateTimeField(null=True)),
                ('metres', models.PositiveIntegerField(null=True)),
                ('leg', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offers', to='errands.leg')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offers', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='FixedHelper',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('buy', '代买'), ('queue', '排队'), ('collect', '取件'), ('hand_over', '交接'), ('carry', '送到'), ('drive', '接送'), ('visit', '上门'), ('phone', '打电话')], max_length=10)),
                ('active', models.BooleanField(default=True)),
                ('place', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='places.place')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fixed_helpers', to='people.unit')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('unit', 'kind', 'user', 'place'), name='fixed_once', nulls_distinct=False)],
            },
        ),
        migrations.AddIndex(
            model_name='leg',
            index=models.Index(condition=models.Q(('next_at__isnull', False), ('state__in', ('open', 'taken'))), fields=['next_at'], name='leg_next'),
        ),
        migrations.AddIndex(
            model_name='leg',
            index=models.Index(condition=models.Q(('opened_at__isnull', False), ('state', 'open')), fields=['area', 'id'], name='leg_pool', opclasses=('text_pattern_ops', 'int8_ops')),
        ),
        migrations.AddIndex(
            model_name='leg',
            index=models.Index(condition=models.Q(('holder__isnull', False)), fields=['holder', 'state', 'done_at'], name='leg_holder'),
        ),
        migrations.AddIndex(
            model_name='leg',
            index=models.Index(condition=models.Q(('giver__isnull', False), ('state', 'open')), fields=['giver'], name='leg_giver'),
        ),
        migrations.AddIndex(
            model_name='leg',
            index=models.Index(condition=models.Q(('state', 'taken')), fields=['place', 'kind'], name='leg_shopping'),
        ),
        migrations.AddConstraint(
            model_name='leg',
            constraint=models.UniqueConstraint(fields=('errand', 'n'), name='leg_n'),
        ),
        migrations.AddConstraint(
            model_name='leg',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'hand_over'), models.Q(('state', 'taken'), _negated=True), ('holder__isnull', False), _connector='OR'), name='leg_held'),
        ),
        migrations.AddConstraint(
            model_name='leg',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'hand_over'), models.Q(('state', 'open'), _negated=True), ('holder__isnull', True), _connector='OR'), name='leg_not_held'),
        ),
        migrations.AddConstraint(
            model_name='fieldrecord',
            constraint=models.UniqueConstraint(fields=('user', 'key'), name='record_once'),
        ),
        migrations.AddIndex(
            model_name='offer',
            index=models.Index(fields=['user', '-asked_at'], name='offer_of'),
        ),
        migrations.AddIndex(
            model_name='offer',
            index=models.Index(condition=models.Q(('answer', '')), fields=['until'], name='offer_waits'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.UniqueConstraint(fields=('leg', 'user'), name='offer_once'),
        ),
    ]
