from django.apps import AppConfig


class DispatchConfig(AppConfig):
    name = "yinghu.dispatch"
    label = "dispatch"
