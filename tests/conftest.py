"""Fixtures for all tests: databases, real processes and browsers.

`db` (pytest-django's) gives a test its own transaction. `live` provides a web server and a worker
as real processes on a database that the test sees too and that is restored after it. `own_city`
(`tests/cities.py`) is a database for one test, for commands that commit, start threads or are
killed. `open_page`, `page` and `desk` are browser pages on `live`.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_django
from django.db import connection, transaction
from django.template.base import Template
from django.utils import translation
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.plugin import blocking_manager_key

from tests import databases
from tests.cast import Cast, cast
from tests.cities import own_city  # noqa: F401  # a fixture
from tests.homes import first_start, own_folder, own_home, own_run  # noqa: F401  # fixtures
from tests.live import Live
from tests.sessions import known_sessions
from tests.settings import RUN, TEMPLATE, WORKER
from yinghu.appeals import city_texts

SLOW = Path(__file__).with_name("slow.txt")
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}
PATIENCE = 15_000
"""Browser timeout in milliseconds, also on a busy machine."""
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--few`, for ./test --fast."""
    parser.addoption("--few", action="store_true", help="two cases of each parametrised test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests that start processes, query no database or are slow; unless the order is random,
    run the longest first, so that no worker ends with one.
    """
    slow = set(SLOW.read_text("utf-8").splitlines())
    cases: Counter[str] = Counter()
    few = []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "live_processes" in fixtures:
            item.add_marker("process")
        if not fixtures & {"db", "django_db_setup"} and not item.get_closest_marker("django_db"):
            item.add_marker("no_database")
        name = item.nodeid.partition("[")[0]
        if name in slow:
            item.add_marker("slow")
        cases[name] += 1
        if cases[name] <= 2:
            few.append(item)
    if config.getoption("--few"):
        items[:] = few
    if not config.pluginmanager.hasplugin("randomly"):
        items.sort(key=_run_order)


def _run_order(item: pytest.Item) -> int:
    """Real messages, then tests with a database server, a browser, processes, then others."""
    if "real" in item.path.parts:
        return 0
    marks = [item.get_closest_marker(name) for name in ("embedded", "browser", "process")]
    return next((turn for turn, mark in enumerate(marks, 1) if mark), len(marks) + 1)


def pytest_collection_finish() -> None:
    """Collect garbage rarely: with a test city in memory, each round costs a tenth of a page."""
    gc.set_threshold(50_000, 20, 20)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    config.add_cleanup(lambda: shutil.rmtree(RUN, ignore_errors=True))
    if config.option.collectonly:
        return
    assert config.cache is not None
    config.add_cleanup(databases.destroy_template)
    with config.stash[blocking_manager_key].unblock():
        databases.build_template(config.cache.mkdir("yinghu-template"))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """Database of this worker; pytest-django's fixture creates none for tests that use `live`."""
    name = f"{TEMPLATE}_{WORKER}"
    with django_db_blocker.unblock():
        databases.copy_template(name)
        connection.settings_dict["NAME"] = name
        cast()
        known_sessions()
    yield
    with django_db_blocker.unblock():
        databases.drop(name)


@pytest.fixture(scope="session", autouse=True)
def _plain_templates(django_test_environment: None) -> Iterator[None]:
    """Render templates without Django's test signals, which are sent for every included template.
    Responses have no `context` and no `templates`.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Template, "_render", lambda self, context: self.nodelist.render(context))
        yield


@pytest.fixture(autouse=True)
def _reset_language_and_texts() -> Iterator[None]:
    """Reset language and cached texts between tests."""
    city_texts.refresh_texts()
    yield
    translation.deactivate()


@pytest.fixture(scope="module")
def module_db(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """A transaction for a whole module, shared by its fixtures and tests.

    Its tests use `savepoint` and nothing that needs `db`.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def savepoint(module_db: None) -> Iterator[None]:
    """Undo the test's changes in the transaction of its module."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def city(db: None) -> Cast:
    """The demo city's actors, in a transaction of the test."""
    return cast()


@pytest.fixture
def live_city(live: Live) -> Cast:
    """The demo city's actors, on the database of `live`."""
    return cast()


@pytest.fixture(scope="session")
def live_processes(django_db_setup: None, django_db_blocker: Any) -> Iterator[Live]:
    """Web server and worker of this pytest worker; tests use `live`."""
    with django_db_blocker.unblock():
        processes = Live.start()
        try:
            yield processes
        finally:
            processes.end()


@pytest.fixture
def live(live_processes: Live, django_db_blocker: Any) -> Iterator[Live]:
    """A web server and a worker, on the database that the test's queries use too."""
    with django_db_blocker.unblock(), live_processes.lent():
        yield live_processes


@pytest.fixture
def live_url(live: Live) -> str:
    """URL of the web server, without trailing slash."""
    return live.url


def chromium() -> str | None:
    """Path of the system's Chromium or Chrome; None selects Playwright's own."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this worker; each page has its own context and cookies."""
    # Playwright runs an event loop in this thread, where Django refuses queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield chrome
        chrome.close()


@pytest.fixture
def open_page(live: Live, browser: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(PHONE or DESK, **context options)`: a page in a new browser context.

    Script errors and violations of the content security policy fail the test at its end; with
    `deaf`, for tests that kill servers or cut the network, failed fetches are ignored.
    """
    contexts, complaints = [], []

    def hear(message: Any, deaf: bool) -> None:
        # Some tests provoke answers of 4xx and 5xx.
        expected = ["Failed to load resource"]
        if deaf:
            expected += ["htmx:", "Response Status Error"]
        if message.type == "error" and not any(each in message.text for each in expected):
            complaints.append(message.text)

    def start(size: dict[str, int] = PHONE, *, deaf: bool = False, **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            base_url=live.url,
            **{"locale": "zh-CN"} | options,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        fresh = context.new_page()
        fresh.on("pageerror", lambda error: complaints.append(str(error)))
        fresh.on("console", lambda message: hear(message, deaf))
        return fresh

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page on a phone, 360 × 740."""
    return open_page(PHONE)


@pytest.fixture
def desk(open_page: Callable[..., Page]) -> Page:
    """A page on a desktop screen, 1280 × 800."""
    return open_page(DESK)
