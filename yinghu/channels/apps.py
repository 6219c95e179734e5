from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "yinghu.channels"
    label = "channels"
