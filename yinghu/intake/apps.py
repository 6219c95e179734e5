from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "yinghu.intake"
    label = "channels"
