from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate


class PlacesConfig(AppConfig):
    name = "yinghu.places"
    label = "places"

    def ready(self) -> None:
        post_migrate.connect(_lay_out, sender=self)


def _lay_out(**given: Any) -> None:
    """Working time is there as soon as its tables are, in a city that nobody has set up yet too."""
    from yinghu.places.calendar import keep_laid_out

    tables = connection.introspection.table_names()
    if {"places_workday", "places_workspan"} <= set(tables):
        keep_laid_out()
