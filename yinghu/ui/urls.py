"""Addresses of the pages for maps and the style guide."""

from django.urls import path

from yinghu.ui import maps, styleguide

urlpatterns = [
    path("styleguide", styleguide.page, name="styleguide"),
    path("geo/at", maps.at, name="geo_at"),
    path("geo/areas", maps.areas, name="geo_areas"),
    path("geo/<str:code>.json", maps.area, name="geo_area"),
]
