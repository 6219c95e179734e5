"""Keys of an input method (Safari's Enter with code 229) choose nothing and send nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser_logins import log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK
from tests.live import Live
from yinghu.appeals.models import Appeal

pytestmark = pytest.mark.browser


def compose(field: Locator, key: str, **more: object) -> None:
    """Press a key as Safari reports it at the end of a composition."""
    given = {"key": key, "keyCode": 229, "bubbles": True, "cancelable": True, **more}
    taken = field.evaluate(
        "(field, given) => !field.dispatchEvent(new KeyboardEvent('keydown', given))", given
    )
    assert taken is False, f"a handler took {key}"


def test_enter_of_an_input_method_chooses_and_sends_nothing(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    bus = file_one("3路公交车站牌被撞歪了", phone="")
    live.drain()
    clerk = log_in(open_page(DESK), "clerk")
    expect(clerk.locator(".split.is-ready #case")).to_have_attribute("data-number", bus.number)
    clerk.keyboard.press("c")
    category = clerk.locator("#sort-category")
    expect(category).to_be_focused()
    clerk.keyboard.type("jtys")
    expect(clerk.get_by_role("option", name="交通运输")).to_have_attribute("aria-selected", "true")
    compose(category, "Enter")
    expect(category).to_have_value("jtys")
    compose(category, "Enter", ctrlKey=True)
    clerk.locator("article").focus()
    for key in ("s", "c", "m", "Enter"):
        compose(clerk.locator("article"), key)
    expect(clerk.locator("#case")).to_have_attribute("data-number", bus.number)
    assert Appeal.objects.get(pk=bus.pk).status == "filed"
    # The same keys by hand.
    category.focus()
    clerk.keyboard.type("jtys")
    expect(clerk.get_by_role("option", name="交通运输")).to_have_attribute("aria-selected", "true")
    clerk.keyboard.press("Enter")
    expect(category).to_have_value("交通运输")
