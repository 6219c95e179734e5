"""URLs for those who hand out strips."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
