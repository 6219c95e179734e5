from django.apps import AppConfig


class TriageConfig(AppConfig):
    name = "yinghu.triage"
    label = "triage"
