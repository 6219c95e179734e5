"""Django app with the tables of the pages (`models.py`)."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "yinghu.web"
    label = "web"
