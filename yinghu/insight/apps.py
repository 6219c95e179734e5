from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "yinghu.insight"
    label = "insight"
