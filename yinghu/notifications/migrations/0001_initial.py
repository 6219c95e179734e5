"""The tables as the app `notices` left them, by their present names."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from yinghu.common.migrations import require_migrated


class Migration(migrations.Migration):

    initial = True
    replaces = [('notices', '0005_shared')]

    dependencies = [
        ('appeals', '0008_rates'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(require_migrated('notices', '0005_shared', table='notices_notice')),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('week', models.DateField(null=True)),
                ('counts', models.JSONField(null=True)),
                ('reason', models.CharField(choices=[('holder', '您在办'), ('unit', '您单位承办'), ('head', '您是单位负责人'), ('lead', '您单位首接'), ('before', '您单位办过'), ('asked', '请您单位协办'), ('summoned', '吹哨请您单位'), ('whistler', '您单位吹的哨'), ('clerk', '您负责研判'), ('dispatcher', '您负责派单'), ('callback', '您负责回访'), ('supervisor', '您负责督办'), ('command', '您在指挥中心'), ('admin', '没有别人可以通知'), ('digest', '每周小结'), ('offered', '请您帮忙'), ('helper', '您在帮忙'), ('shared', '和您单位共享')], max_length=10)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('read_at', models.DateTimeField(null=True)),
                ('appeal', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to='appeals.appeal')),
                ('event', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to='appeals.event')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [
                    models.Index(fields=['user', '-id'], name='notification_of'),
                    models.Index(condition=models.Q(('read_at__isnull', True)), fields=['user', 'id'], name='notification_unread'),
                    models.Index(fields=['at'], name='notification_at'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('event', 'user'), name='notification_once'),
                    models.UniqueConstraint(condition=models.Q(('week__isnull', False)), fields=('week', 'user'), name='notification_weekly'),
                    models.CheckConstraint(condition=models.Q(models.Q(('appeal__isnull', False), ('event__isnull', False), ('week__isnull', True)), models.Q(('appeal__isnull', True), ('event__isnull', True), ('week__isnull', False)), _connector='OR'), name='notification_subject'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('transport', models.CharField(max_length=20)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('sent', 'Sent'), ('failed', 'Failed')], default='queued', max_length=6)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tried_at', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('notification', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='notifications.notification')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('state', 'queued')), fields=['transport', 'due_at'], name='delivery_due'),
                    models.Index(condition=models.Q(('state', 'failed')), fields=['-id'], name='delivery_failed'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('notification', 'transport'), name='delivery_once'),
                ],
            },
        ),
    ]
