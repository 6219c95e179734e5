from django.apps import AppConfig


class AppealsConfig(AppConfig):
    name = "yinghu.appeals"
    label = "appeals"
