from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "yinghu.web"
    label = "web"
