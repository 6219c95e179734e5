"""Django app of the requesters' pages."""

from __future__ import annotations

from django.apps import AppConfig


class CitizenConfig(AppConfig):
    name = "yinghu.web.citizen"
    label = "web_citizen"
