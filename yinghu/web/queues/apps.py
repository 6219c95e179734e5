"""Django app of the desks."""

from __future__ import annotations

from django.apps import AppConfig


class QueuesConfig(AppConfig):
    name = "yinghu.web.queues"
    label = "web_queues"
