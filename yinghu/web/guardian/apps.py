"""Django app of the pages for whistles and task forces."""

from __future__ import annotations

from django.apps import AppConfig


class GuardianPagesConfig(AppConfig):
    name = "yinghu.web.guardian"
    label = "web_guardian"
