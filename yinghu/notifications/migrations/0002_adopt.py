from django.db import migrations

from yinghu.common.migrations import adopt_tables


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(adopt_tables(
            'notices',
            'notifications',
            models={'notice': 'notification', 'delivery': 'delivery'},
            columns={'delivery': {'notice_id': 'notification_id', 'provider': 'transport'}},
            names={
                'notice_of': 'notification_of',
                'notice_unread': 'notification_unread',
                'notice_at': 'notification_at',
                'notice_once': 'notification_once',
                'notice_weekly': 'notification_weekly',
                'notice_of_event_or_week': 'notification_subject',
                'deliver_once': 'delivery_once',
            },
        )),
    ]
