"""Django app of the board and the rates."""

from __future__ import annotations

from django.apps import AppConfig


class StatisticsConfig(AppConfig):
    name = "yinghu.web.statistics"
    label = "web_statistics"
