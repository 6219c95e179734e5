"""The app of the pages for volunteers, and those who look after them."""

from __future__ import annotations

from django.apps import AppConfig


class VolunteersConfig(AppConfig):
    name = "yinghu.web.volunteers"
    label = "web_volunteers"
