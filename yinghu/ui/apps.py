"""The app of what all pages share: components, base templates, styles."""

from __future__ import annotations

from django.apps import AppConfig
from django.forms import Field
from django.utils.translation import gettext_lazy


class UiConfig(AppConfig):
    name = "yinghu.ui"
    label = "ui"

    def ready(self) -> None:
        """Ask for an empty required field in our words, also in other packages' forms (login)."""
        Field.default_error_messages["required"] = gettext_lazy("请填写")
