"""Django app of the pages for volunteers and their coordinators."""

from __future__ import annotations

from django.apps import AppConfig


class VolunteersConfig(AppConfig):
    name = "yinghu.web.volunteers"
    label = "web_volunteers"
