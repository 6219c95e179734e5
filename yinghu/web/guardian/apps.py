"""Django app of the pages of guardian tags."""

from __future__ import annotations

from django.apps import AppConfig


class GuardianPagesConfig(AppConfig):
    name = "yinghu.web.guardian"
    label = "web_guardian"
