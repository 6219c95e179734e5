"""Django app of guardian tags."""

from django.apps import AppConfig


class GuardianConfig(AppConfig):
    name = "yinghu.guardian"
