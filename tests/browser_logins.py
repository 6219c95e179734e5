"""Logging in at a browser."""

from __future__ import annotations

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from tests.live import HOST
from yinghu.people.models import User


def start_session(page: Page, user: User) -> Page:
    """A session as logging in gives it; opens no page."""
    client = Client()
    client.force_login(user)
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
    """One of the cast, on the page that logging in leads to."""
    start_session(page, User.objects.get(username=username)).goto("/desk")
    return page


def press_demo_login(page: Page, username: str) -> Page:
    """One click on the start page's demo box."""
    page.goto("/")
    page.click(f'button[value="{username}"]')
    return page
