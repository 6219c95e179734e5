"""Django app of the set-up pages, for administrators."""

from __future__ import annotations

from django.apps import AppConfig


class AdminConfig(AppConfig):
    name = "yinghu.web.admin"
    label = "web_admin"
