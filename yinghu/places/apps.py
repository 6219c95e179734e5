"""Django app of the places package."""

from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate


class PlacesConfig(AppConfig):
    name = "yinghu.places"

    def ready(self) -> None:
        post_migrate.connect(_lay_out_working_time, sender=self)


def _lay_out_working_time(**given: Any) -> None:
    """Lay out working time after migrations, also in a city that is not set up yet."""
    from yinghu.places.calendar import keep_laid_out

    tables = connection.introspection.table_names()
    if {"places_workday", "places_workspan"} <= set(tables):
        keep_laid_out()
