from django.apps import AppConfig


class OversightConfig(AppConfig):
    name = "yinghu.oversight"
    label = "oversight"
