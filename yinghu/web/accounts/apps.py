"""Django app of the pages for logging in, second factors and invitations."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "yinghu.web.accounts"
    label = "web_accounts"
