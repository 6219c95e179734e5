"""What a page of the set-up costs does not grow with the city."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.web.setup.conftest import text_of
from yinghu.people import invitations
from yinghu.people.models import User


def asked(client: Client, where: str) -> tuple[Any, list[str]]:
    """A page, and the queries that it took."""
    with CaptureQueriesContext(connection) as captured:
        page = client.get(where)
    return page, [query["sql"] for query in captured.captured_queries]


def test_the_index_counts_and_reads_no_rows(admin: Client) -> None:
    page, queries = asked(admin, "/setup/")
    for table in ("people_post", "places_place", "appeals_replytemplate"):
        assert not [sql for sql in queries if sql.startswith(f'SELECT "{table}"."id"')]
    # Whoever is logged in.
    assert len([sql for sql in queries if sql.startswith('SELECT "people_user"."id"')]) == 1
    counts = {card["title"]: card["count"] for card in page.context["cards"]}
    assert counts["人员"] == User.objects.filter(is_active=True).count()
    User.objects.filter(username="clerk").update(is_active=False)
    page, _queries = asked(admin, "/setup/")
    assert dict(counts, 人员=counts["人员"] - 1) == {
        card["title"]: card["count"] for card in page.context["cards"]
    }


def test_more_people_take_no_more_queries(admin: Client) -> None:
    def invite(n: int) -> None:
        user = User(username=f"new-{n}", display_name=f"新人{n}")
        user.set_unusable_password()
        user.save()
        if n % 2:
            invitations.make(user, None)

    invite(1)
    admin.get("/setup/user/")  # what this process remembers, it has read now
    _page, few = asked(admin, "/setup/user/")
    for n in range(2, 10):
        invite(n)
    page, many = asked(admin, "/setup/user/")
    assert len(many) == len(few)
    assert text_of(page).count("已邀请，还没来") == 5
