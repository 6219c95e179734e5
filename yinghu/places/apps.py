from django.apps import AppConfig


class PlacesConfig(AppConfig):
    name = "yinghu.places"
    label = "places"
