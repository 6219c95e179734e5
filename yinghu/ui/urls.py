"""URLs of map data and the style guide."""

from django.urls import path

from yinghu.ui import maps, styleguide

urlpatterns = [
    path("styleguide", styleguide.styleguide_page, name="styleguide"),
    path("geo/at", maps.area_at_point, name="geo_at"),
    path("geo/areas", maps.area_hints, name="geo_areas"),
    path("geo/<str:code>.json", maps.area_outline, name="geo_area"),
]
