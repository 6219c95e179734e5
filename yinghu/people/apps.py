"""Django app of the people package."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "yinghu.people"
    label = "people"
