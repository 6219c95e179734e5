"""URLs for those who look after protected people."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
