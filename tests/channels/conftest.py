"""Tests here work in cities of their own."""

from tests.cities import city, city_template

__all__ = ["city", "city_template"]
