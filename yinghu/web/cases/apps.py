"""The app of the pages for all cases: lists, filters, batches."""

from __future__ import annotations

from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "yinghu.web.cases"
    label = "web_cases"
