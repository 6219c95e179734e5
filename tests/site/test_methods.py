"""Every address answers OPTIONS and foreign methods with the right `Allow`, and HEAD as GET."""

from __future__ import annotations

import httpx
import pytest
from django.test import Client

from tests.addresses import fill, routes
from tests.cast import Cast, taken_milk
from tests.live import Live
from tests.web.conftest import Browse, browse  # noqa: F401  # a fixture
from yinghu.site.doors import DOORS
from yinghu.site.methods import methods_of


def test_every_address_says_which_methods_it_has(browse: Browse) -> None:  # noqa: F811
    strangers = Client(enforce_csrf_checks=True)
    seen = 0
    for template, view in routes():
        address = fill(template)
        if address == "/api/v1/":
            # Ninja's own, which only marks the path and is not found.
            assert strangers.get(address).status_code == 404
            continue
        assert methods_of(view), f"{address} does not say which methods it has"
        for method in ("PUT", "DELETE", "TRACE", "BREW"):
            page = strangers.generic(method, address)
            assert page.status_code == 405, (method, address)
            allowed = page.headers["Allow"].split(", ")
            assert "OPTIONS" in allowed
            assert ("HEAD" in allowed) is ("GET" in allowed)
            assert method not in allowed
        page = strangers.options(address)
        assert page.status_code == 204, address
        assert page.headers["Allow"].split(", ") == allowed
        for method in ("GET", "POST"):
            code = strangers.generic(method, address).status_code
            if (method, address) not in DOORS:
                assert (code != 405) is (method in allowed), (method, address, code)
        seen += 1
    assert seen > 150


def test_head_is_the_get_without_its_body(browse: Browse, city: Cast) -> None:  # noqa: F811
    appeal = taken_milk(city)
    desk = browse("milk-handler")
    for address in (
        "/",
        "/file",
        f"/t/{appeal.token}",
        "/desk/inbox",
        f"/desk/case/{appeal.number}",
    ):
        whole, head = desk.get(address), desk.head(address)
        assert (head.status_code, head.content) == (200, b""), address
        assert head.headers["Content-Type"] == whole.headers["Content-Type"]
        assert head.headers["Content-Security-Policy"]
    # Where GET shows a form and POST sends it, HEAD sends nothing.
    admin = browse("admin")
    assert admin.head("/setup/area/-/new").status_code == admin.get("/setup/area/-/new").status_code


@pytest.mark.process
def test_addresses_beside_django_say_their_methods_too(live: Live) -> None:
    with httpx.Client(base_url=live.url, timeout=60, trust_env=False) as http:
        for address, allowed in (
            ("/api/v1/appeals", "GET, HEAD, OPTIONS, POST"),
            ("/live", "GET, HEAD, OPTIONS"),
            ("/static/ui/mark.svg", "GET, HEAD, OPTIONS"),
        ):
            options = http.options(address)
            assert (options.status_code, options.headers["allow"]) == (204, allowed)
            put = http.put(address)
            assert (put.status_code, put.headers["allow"]) == (405, allowed), address
        assert http.put("/api/v1/appeals").json()["code"] == "method_not_allowed"
        assert http.head("/live").status_code == 200
        # Compressed, a page has another length each time.
        plain = {"Accept-Encoding": "identity"}
        head, page = http.head("/", headers=plain), http.get("/", headers=plain)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(page.content))
        assert http.head("/api/v1/appeals").status_code == 401
