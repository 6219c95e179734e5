"""Set-up access: only administrators, on every page, and no cross-site requests."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.history import new_changes
from tests.web.admin.conftest import Browse
from yinghu.administration.registry import TYPES
from yinghu.people.models import User

ROWS = {
    "area": "330782001",
    "unit": "milk",
    "category": "milk",
    "limit": ":1",
    "workday": "1",
    "chase": "1",
    "policy": "most_returns",
    "place": "xiuhu",
    "text": "ask",
    "reply": "1",
    "rule": "1",
    "user": "clerk",
    "post": "clerk:platform:clerk:",
    "skill": "car",
    "zone": "futian",
    "errand": "1",
    "helper": "food:buy:volunteer:supply",
}
GETS = ("", "-/new", "-/export", "-/import", "{key}", "{key}/history", "{key}/retire")
POSTS = ("-/new", "-/import", "{key}", "{key}/retire", "{key}/restore")


@pytest.mark.parametrize("kind", TYPES)
def test_only_administrators_reach_the_set_up(browse: Browse, kind: str) -> None:
    stranger = browse()
    # All types share the views of one and their access check; areas and rules have views besides.
    others = ("commander", "volunteer", "milk-handler") if kind == "unit" else ()
    staff = [browse(name) for name in ("clerk", *others)]
    every = GETS + POSTS if kind in ("unit", "area", "rule") else ("-/export", "{key}/retire")
    for end in every:
        where = f"/setup/{kind}/{end.format(key=ROWS[kind])}"
        if end in GETS:
            assert stranger.get(where)["Location"].startswith("/accounts/login/"), where
        else:
            assert stranger.post(where).status_code == 401, where
        for client in staff:
            answer = client.get(where) if end in GETS else client.post(where, {"name": "x"})
            assert answer.status_code == (405 if end == "{key}/restore" and end in GETS else 403), (
                where
            )
    if kind == "unit":
        for where in ("/setup/", "/setup/history", "/setup/place/-/sheet?all=1"):
            assert {client.get(where).status_code for client in staff} == {403}
    assert not new_changes().exists()


def test_cross_site_post_is_refused(city: object) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="admin"))
    for end in POSTS:
        where = f"/setup/unit/{end.format(key='milk')}"
        assert client.post(where, {"name": "x"}).status_code == 403
    assert not new_changes().exists()


def test_unknown_row_is_404_and_bad_history_query_is_200(admin: Client) -> None:
    for where in (
        "/setup/nothing/",
        "/setup/unit/nobody",
        "/setup/reply/x",
        "/setup/reply/99",
        "/setup/text/-/new",
    ):
        assert admin.get(where).status_code == 404
    assert admin.get("/setup/unit/%00").status_code == 404
    assert admin.post("/setup/limit/:1/retire").status_code == 404
    assert admin.post("/setup/text/ask/restore").status_code == 404
    for query in ("?from=2026-99-99", "?from=0001-01-01&to=9999-12-31", "?before=x", "?kind=%00"):
        assert admin.get(f"/setup/history{query}").status_code == 200
