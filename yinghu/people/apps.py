from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "yinghu.people"
    label = "people"
