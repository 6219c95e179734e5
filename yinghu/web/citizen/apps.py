"""The app of the pages for requesters."""

from __future__ import annotations

from django.apps import AppConfig


class CitizenConfig(AppConfig):
    name = "yinghu.web.citizen"
    label = "web_citizen"
