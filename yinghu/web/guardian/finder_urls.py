"""URLs for finders and families."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
