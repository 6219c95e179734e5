"""The app of the pages for the bell and its list."""

from __future__ import annotations

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "yinghu.web.notifications"
    label = "web_notifications"
