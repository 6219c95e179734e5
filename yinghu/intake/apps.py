"""The app of messages from outside; its tables keep the label `channels`."""

from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "yinghu.intake"
    label = "intake"
