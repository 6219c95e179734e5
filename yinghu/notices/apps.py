from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "yinghu.notices"
    label = "notices"
