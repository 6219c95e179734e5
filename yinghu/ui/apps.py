"""Django app of the components, base templates and styles that all pages share."""

from __future__ import annotations

from django.apps import AppConfig
from django.forms import Field
from django.utils.translation import gettext_lazy


class UiConfig(AppConfig):
    name = "yinghu.ui"
    label = "ui"

    def ready(self) -> None:
        """Set our message for empty required fields, also in other packages' forms (login)."""
        Field.default_error_messages["required"] = gettext_lazy("请填写")
