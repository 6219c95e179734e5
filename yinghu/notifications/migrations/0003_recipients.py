"""Recipients and subjects of other kinds than logins and events."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('appeals', '0011_errands'),
        ('notifications', '0002_adopt'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='notification',
            name='notification_subject',
        ),
        migrations.AddField(
            model_name='notification',
            name='address',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='notification',
            name='address_index',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='notification',
            name='recipient_kind',
            field=models.CharField(choices=[('login', '账号'), ('requester', '诉求人'), ('guardian', '监护人'), ('partner', '合作单位'), ('address', '外部地址')], default='login', max_length=9),
        ),
        migrations.AddField(
            model_name='notification',
            name='reference',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='notification',
            name='subject_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='notification',
            name='subject_kind',
            field=models.CharField(choices=[('event', 'Event'), ('scan', 'Scan'), ('search', 'Search'), ('signal', 'Signal'), ('digest', 'Digest')], default='event', max_length=6),
        ),
        migrations.RunSQL("UPDATE notifications_notification SET subject_kind = 'digest' WHERE week IS NOT NULL"),
        migrations.AlterField(
            model_name='notification',
            name='reason',
            field=models.CharField(choices=[('holder', '您在办'), ('unit', '您单位承办'), ('head', '您是单位负责人'), ('lead', '您单位首接'), ('before', '您单位办过'), ('asked', '请您单位协办'), ('summoned', '吹哨请您单位'), ('whistler', '您单位吹的哨'), ('clerk', '您负责研判'), ('dispatcher', '您负责派单'), ('callback', '您负责回访'), ('supervisor', '您负责督办'), ('command', '您在指挥中心'), ('admin', '没有别人可以通知'), ('digest', '每周小结'), ('offered', '请您帮忙'), ('helper', '您在帮忙'), ('shared', '和您单位共享'), ('requester', '您提的诉求'), ('copied', '抄送给您')], max_length=10),
        ),
        migrations.AlterField(
            model_name='notification',
            name='user',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.UniqueConstraint(condition=models.Q(('week__isnull', True), models.Q(('user__isnull', True), ('subject_id__isnull', False), _connector='OR')), fields=('subject_kind', 'event', 'subject_id', 'recipient_kind', 'user', 'appeal', 'reference', 'address_index'), name='notification_once_else', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('address__isnull', True), ('address_index__isnull', True), ('recipient_kind', 'login'), ('reference__isnull', True), ('user__isnull', False)), models.Q(('address__isnull', True), ('address_index__isnull', True), ('recipient_kind', 'requester'), ('reference__isnull', True), ('user__isnull', True)), models.Q(('address__isnull', True), ('address_index__isnull', True), ('recipient_kind', 'guardian'), ('reference__isnull', False), ('user__isnull', True)), models.Q(('address__isnull', True), ('address_index__isnull', True), ('recipient_kind', 'partner'), ('reference__isnull', False), ('user__isnull', True)), models.Q(('address__isnull', False), ('address_index__isnull', False), ('recipient_kind', 'address'), ('reference__isnull', True), ('user__isnull', True)), _connector='OR'), name='notification_recipient'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('event__isnull', False), ('subject_id__isnull', True), ('subject_kind', 'event'), ('week__isnull', True)), models.Q(('event__isnull', True), ('subject_id__isnull', False), ('subject_kind', 'scan'), ('week__isnull', True)), models.Q(('event__isnull', True), ('subject_id__isnull', False), ('subject_kind', 'search'), ('week__isnull', True)), models.Q(('event__isnull', True), ('subject_id__isnull', False), ('subject_kind', 'signal'), ('week__isnull', True)), models.Q(('event__isnull', True), ('subject_id__isnull', True), ('subject_kind', 'digest'), ('week__isnull', False)), _connector='OR'), name='notification_subject'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(('appeal__isnull', False), models.Q(models.Q(('recipient_kind', 'requester'), _negated=True), models.Q(('subject_kind', 'event'), _negated=True)), _connector='OR'), name='notification_appeal'),
        ),
    ]
