"""Django app of the pages for volunteers and grid workers outdoors."""

from __future__ import annotations

from django.apps import AppConfig


class FieldConfig(AppConfig):
    name = "yinghu.web.field"
    label = "web_field"
