"""Every page with text twice as large on a small phone, in both languages: no page scrolls sideways
and no text is cut off. Words of users run in their own direction.

Pages are walked in one browser context, because loading them is what costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests import browser_checks
from tests.browser_logins import start_session
from tests.cast import Cast, dispatched, file_one
from tests.errands.errands import begun_relay
from tests.live import Live
from tests.oversight.alarms import FIRE
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.people.access import requester_of
from yinghu.people.models import User

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
NARROW = {"width": 390, "height": 780}
WIDTHS, TEXTS = (390, 320), ("125%", "200%")

PAGES = {
    "": (
        *("/", "/file", "/file?category=medicine", "/p/xiuhu", "/find", "/mine", "/volunteer"),
        *("/t/{token}", "/t/{token}/filed", "/t/{bare}", "/t/{bare}/filed", "/join/care"),
    ),
    "{helper}": (
        *("/field", "/field/-/map", "/field/-/done", "/field/-/reported", "/field/-/shopping"),
        *("/field/-/leg/{buy}", "/field/-/leg/{gate}", "/field/-/leg/{carry}", "/field/-/me"),
    ),
    "milk-handler": ("/desk/inbox", "/desk/case/{number}", "/field/{number}", "/desk/notices"),
    "clerk": ("/desk/triage", "/desk/callback", "/desk/cases", "/desk/case/{bare_number}"),
    "dispatcher": ("/desk/dispatch", "/desk/oversight"),
    "commander": ("/board?period=all", "/desk/alarms", "/desk/whistles"),
    "care-head": ("/desk/volunteers",),
}
"""Paths by login."""

UYGHUR = "بوۋاقنىڭ سۈتى قالمىدى، ياردەم قىلىڭلار"


def cut_off(page: Page) -> list[str]:
    """Elements that hide a part of their text, except those that say so by an ellipsis."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((part) => {
          if (part.closest(".visually-hidden, .skip, .map, svg, input, textarea, select")) {
            return false;
          }
          const look = getComputedStyle(part);
          return /hidden|clip/.test(look.overflowX) && look.textOverflow !== "ellipsis"
            && part.clientWidth > 1 && part.scrollWidth > part.clientWidth + 1;
        }).map((part) => part.outerHTML.replace(/\\s+/g, " ").slice(0, 90))"""
    )
    return found


RIGHT_TO_LEFT = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const part = text.parentElement;
    if (/^\\s*[\\u0600-\\u06ff]/.test(text.data) && !part.closest("script")) {
      found.push([getComputedStyle(part).direction === "rtl", part.outerHTML.slice(0, 120)]);
    }
  }
  const typed = "textarea, input:not([type]), input[type=text], input[type=search]";
  for (const field of document.querySelectorAll(typed)) {
    found.push([field.hasAttribute("dir"), field.outerHTML.slice(0, 120)]);
  }
  return found;
}"""
"""Texts that begin in Arabic script, with whether they run right to left; and fields for text, with
whether they have a direction.
"""


def walk(page: Page, known: dict[str, object], step: int) -> Iterator[Page]:
    """Open the pages of each login, or with a `step` of 2 every other one."""
    for username, paths in PAGES.items():
        # No page is left that would ask for its parts with another login.
        page.goto("about:blank")
        page.context.clear_cookies()
        if username:
            start_session(page, User.objects.get(username=username.format(**known)))
        for path in paths[::step]:
            answer = page.goto(path.format(**known))
            assert answer is not None
            assert answer.status == 200, page.url
            yield page


@pytest.fixture
def known(live: Live, live_city: Cast) -> dict[str, object]:
    """A relay in hand, a milk case with words of all sides, and a bare one."""
    task = begun_relay(live_city)
    milk = dispatched(file_one(f"{UYGHUR}\n需要一段奶粉", address=UYGHUR), live_city)
    actions.accept(milk.pk, live_city.milk)
    handling_actions.report(milk.pk, live_city.milk, words=UYGHUR)
    handling_actions.note(milk.pk, live_city.milk, why=UYGHUR)
    handling_actions.supply(milk.pk, requester_of(milk.pk), words=UYGHUR)
    bare: Appeal = file_one("楼下路灯坏了", phone="", name="")
    # The lane of alarms is on every page of the desks, and one may be on the page of alarms.
    file_one(FIRE)
    live.drain()
    return {
        "helper": User.objects.get(pk=task.a.user_id or 0).username,
        "buy": task.buy.pk,
        "gate": task.gate.pk,
        "carry": task.carry.pk,
        "token": milk.token,
        "number": milk.number,
        "bare": bare.token,
        "bare_number": bare.number,
    }


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_large_text_fits_and_words_run_in_their_own_direction(
    open_page: OpenPage, known: dict[str, object], locale: str
) -> None:
    wrong, seen = [], 0
    # Loading pages is what costs; both languages share their layout.
    step = 1 if locale == "zh-CN" else 2
    for page in walk(open_page(NARROW, locale=locale), known, step):
        found = page.evaluate(RIGHT_TO_LEFT)
        seen += len(found)
        wrong += [f"{page.url} from left to right: {what}" for right, what in found if not right]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 780})
            for text in TEXTS:
                page.evaluate(f"document.documentElement.style.fontSize = '{text}'")
                try:
                    browser_checks.fits(page)
                except AssertionError as error:
                    wrong.append(f"{width} px, {text}: {error}")
                wrong += [f"{width} px, {text}: {page.url} cuts {each}" for each in cut_off(page)]
    assert not wrong, "\n".join(wrong)
    assert seen > 20
