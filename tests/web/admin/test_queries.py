"""Query counts of set-up pages do not grow with the size of the city."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.web.admin.conftest import hidden, text_of, tiles_of, upload
from yinghu.people import invitations
from yinghu.people.models import Unit, User
from yinghu.web.admin.files import SHOWN


def asked(client: Client, where: str) -> tuple[Any, list[str]]:
    """The page and the SQL of its queries."""
    with CaptureQueriesContext(connection) as captured:
        page = client.get(where)
    return page, [query["sql"] for query in captured.captured_queries]


def test_index_counts_without_loading_rows(admin: Client) -> None:
    page, queries = asked(admin, "/setup/")
    for table in ("people_post", "places_place", "appeals_replytemplate"):
        assert not [sql for sql in queries if sql.startswith(f'SELECT "{table}"."id"')]
    # The logged-in user.
    assert len([sql for sql in queries if sql.startswith('SELECT "people_user"."id"')]) == 1
    counts = tiles_of(page)
    users = "/setup/user/"
    assert counts[users] == User.objects.filter(is_active=True, volunteer=None).count()
    User.objects.filter(username="clerk").update(is_active=False)
    page, _queries = asked(admin, "/setup/")
    assert tiles_of(page) == counts | {users: counts[users] - 1}


def test_user_list_query_count_is_constant(admin: Client) -> None:
    def invite(n: int) -> None:
        user = User(username=f"new-{n}", display_name=f"新人{n}")
        user.set_unusable_password()
        user.save()
        if n % 2:
            invitations.make_link(user, None)

    invite(1)
    admin.get("/setup/user/")  # fills the caches of this process
    _page, few = asked(admin, "/setup/user/")
    for n in range(2, 10):
        invite(n)
    page, many = asked(admin, "/setup/user/")
    assert len(many) == len(few)
    assert text_of(page).count("已邀请，还没来") == 5


RULES = "order,category,area,unit\n" + "".join(
    f"{order},{category},33078200{order % 3 + 1},{unit}\n"
    for order, category, unit in zip(
        range(701, 731), ("milk", "food", "medicine") * 10, ("milk", "food") * 15, strict=True
    )
)
POSTS = "user,unit,role,area\n" + "".join(
    f"{user},{unit},{role},33078200{area}\n"
    for user in ("clerk", "dispatcher")
    for unit in ("milk", "food", "daily")
    for role in ("head", "operator")
    for area in (1, 2, 3)
)


@pytest.mark.parametrize(("kind", "text"), [("rule", RULES), ("post", POSTS)])
def test_import_preview_query_count_is_constant(
    admin: Client, settings: Any, kind: str, text: str
) -> None:
    settings.AREAS_POLL_SECONDS = 3600

    def look(lines: int) -> tuple[Any, int]:
        file = upload("".join(text.splitlines(keepends=True)[: lines + 1]))
        with CaptureQueriesContext(connection) as captured:
            page = admin.post(f"/setup/{kind}/-/import", {"file": file})
        return page, len(captured)

    look(9)
    _page, few = look(9)
    page, many = look(30)
    described = text_of(page).split('<dl class="setup-diff">')[1:]
    assert [each.count("<dt>") for each in described] == [4] * 30
    assert "稠城街道" in text_of(page)
    assert many == few
    # The history of the import is bounded as well.
    admin.post(f"/setup/{kind}/-/import", hidden(page))
    _page, told = asked(admin, "/setup/history")
    assert len(told) < 20


def test_import_preview_describes_only_the_lines_shown(admin: Client) -> None:
    rows = "".join(f"u{n},单位{n},group\n" for n in range(SHOWN + 20))
    page = admin.post("/setup/unit/-/import", {"file": upload("code,name,kind\n" + rows)})
    described = text_of(page).split('<dl class="setup-diff">')[1:]
    assert [each.count("<dt>") for each in described] == [3] * SHOWN
    assert "还有 20 行" in text_of(page)
    assert admin.post("/setup/unit/-/import", hidden(page)).status_code == 302
    assert Unit.objects.filter(code__startswith="u").count() == SHOWN + 20
