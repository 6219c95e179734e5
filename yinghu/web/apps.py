"""The app that keeps the tables of the pages: see `models.py`."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "yinghu.web"
    label = "web"
