"""Django app of the appeals package."""

from django.apps import AppConfig


class AppealsConfig(AppConfig):
    name = "yinghu.appeals"
    label = "appeals"
