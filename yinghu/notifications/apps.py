from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "yinghu.notifications"
    label = "notifications"
