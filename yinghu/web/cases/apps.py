"""Django app of the case list: filters, search, batches."""

from __future__ import annotations

from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "yinghu.web.cases"
    label = "web_cases"
