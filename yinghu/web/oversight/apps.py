"""Django app of the pages for whistles and task forces."""

from __future__ import annotations

from django.apps import AppConfig


class OversightPagesConfig(AppConfig):
    name = "yinghu.web.oversight"
    label = "web_oversight"
