"""Two tabs editing the same row: the second save shows the conflict and keeps the input."""

from __future__ import annotations

from django.test import Client

from tests.web.admin.conftest import Browse, form_of, text_of
from yinghu.people.models import Post, Role, Unit, User

WHERE = "/setup/unit/milk"


def test_second_save_shows_conflict_and_keeps_input(admin: Client, browse: Browse) -> None:
    Post.objects.create(
        user=User.objects.get(username="clerk"),
        unit=Unit.objects.get(code="platform"),
        role=Role.ADMIN,
    )
    other = browse("clerk", headers={"accept-language": "zh-CN"})
    mine, theirs = form_of(admin.get(WHERE)), form_of(other.get(WHERE))
    other.post(WHERE, theirs | {"name": "奶粉一组", "kind": "task_force"})
    page = admin.post(WHERE, mine | {"name": "奶粉大组"})
    assert page.status_code == 409
    said = text_of(page)
    for words in ("有人改过它", "研判员小周", "奶粉一组", "专班"):
        assert words in said
    typed = form_of(page)
    # The form keeps my changes and takes theirs in the fields that I left alone.
    assert (typed["name"], typed["kind"]) == ("奶粉大组", "task_force")
    assert Unit.objects.get(code="milk").name == "奶粉一组"
    assert admin.post(WHERE, typed).status_code == 302
    unit = Unit.objects.get(code="milk")
    assert (unit.name, unit.kind) == ("奶粉大组", "task_force")


def test_form_with_invalid_seen_token_is_not_saved(admin: Client) -> None:
    typed = form_of(admin.get(WHERE))
    for seen in ("", "x", form_of(admin.get("/setup/unit/food"))["seen"]):
        page = admin.post(WHERE, typed | {"seen": seen, "name": "别的名字"})
        assert page.status_code == 409
        assert form_of(page)["name"] == "别的名字"
    assert Unit.objects.get(code="milk").name == "奶粉组"
