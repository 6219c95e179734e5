from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "yinghu.routing"
    label = "routing"
