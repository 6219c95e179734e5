"""Django app of live updates."""

from __future__ import annotations

from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "yinghu.web.live"
    label = "web_live"
