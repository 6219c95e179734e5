"""Django app of the page of one case, for staff."""

from __future__ import annotations

from django.apps import AppConfig


class CaseConfig(AppConfig):
    name = "yinghu.web.case"
    label = "web_case"
