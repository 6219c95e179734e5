"""Django app of the bell and the list of notices."""

from django.apps import AppConfig


class WebNotificationsConfig(AppConfig):
    name = "yinghu.web.notifications"
    label = "web_notifications"
