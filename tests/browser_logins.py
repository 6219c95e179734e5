"""Logging in at a browser."""

from __future__ import annotations

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from tests.live import HOST
from tests.sessions import log_client_in
from yinghu.people.models import User


def start_session(page: Page, user: User) -> Page:
    """Give a browser page the session of this login; open no page."""
    client = Client()
    log_client_in(client, user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies(
        [
            {
                "name": name,
                "value": client.cookies[name].value,
                "domain": HOST,
                "path": "/",
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
    return page


def log_in(page: Page, username: str) -> Page:
    """Log in a user of the demo city and open the page that a login leads to."""
    start_session(page, User.objects.get(username=username)).goto("/desk")
    return page


def press_demo_login(page: Page, username: str) -> Page:
    """Log in with the demo box on the start page."""
    page.goto("/")
    page.click(f'button[value="{username}"]')
    return page
