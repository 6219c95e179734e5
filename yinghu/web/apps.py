"""The app of the pages."""

from __future__ import annotations

from django.apps import AppConfig
from django.forms import Field
from django.utils.translation import gettext_lazy


class WebConfig(AppConfig):
    name = "yinghu.web"
    label = "web"

    def ready(self) -> None:
        """A field left empty is asked for in our words, in forms of others (logging in) too."""
        Field.default_error_messages["required"] = gettext_lazy("请填写")
