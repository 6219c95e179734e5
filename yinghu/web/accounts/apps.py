"""The app of the pages for logging in, second factors, invitations."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "yinghu.web.accounts"
    label = "web_accounts"
