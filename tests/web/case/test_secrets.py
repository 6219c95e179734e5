"""Attempts to get at a requester's phone and other personal data through the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from tests.cast import PHONE, Cast, file_one
from tests.web.conftest import Browse, text_of
from tests.web.field.test_views import free_milk
from tests.web.queues.test_views import numbers, read
from yinghu.appeals import actions, handling_actions, inboxes
from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Appeal
from yinghu.people.access import actor_of, may_reveal, relations, visible_q
from yinghu.people.models import Post, Reveal, Role, Unit, User

BARE = PHONE.removeprefix("+86")


@pytest.mark.parametrize("who", ["volunteer", "milk-handler", "town-head", "admin"])
def test_others_do_not_find_cases_by_phone(browse: Browse, city: Cast, who: str) -> None:
    appeal = free_milk(city, "没有奶粉了，电话13812345678或138 1234 5678，3号楼501")
    read(appeal)
    thief = browse(who)
    tried = [BARE, "奶粉 13812345678"]
    if who == "volunteer":
        tried += ["138 1234 5678", PHONE, "１３８１２３４５６７８"]
    for query in tried:
        found = numbers(thief.get("/desk/search", {"q": query}))
        # The other words may match, but the digits must not change the result.
        same = numbers(thief.get("/desk/search", {"q": query.replace("5678", "5679")}))
        assert found == same


def test_desks_find_cases_by_phone(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city, "没有奶粉了")
    for desk in ("clerk", "dispatcher", "operator", "commander"):
        assert numbers(browse(desk).get("/desk/search", {"q": BARE})) == [appeal.number]


def test_searching_by_phone_is_rate_limited(browse: Browse, city: Cast, settings: Settings) -> None:
    settings.RATE_LIMITS = {"phone": (3, 60.0)}
    file_one()
    clerk = browse("clerk")
    tried = [clerk.get("/desk/search", {"q": f"1381234567{digit}"}) for digit in range(5)]
    assert [page.status_code for page in tried] == [200, 200, 200, 429, 429]
    assert int(tried[-1].headers["Retry-After"]) > 0
    assert "秒后再试" in text_of(tried[-1])
    assert clerk.get("/desk/search", {"q": "奶粉"}).status_code == 200
    assert browse("operator").get("/desk/search", {"q": BARE}).status_code == 200


def test_volunteer_sees_no_secrets_or_notes_before_accepting(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city, "没有奶粉了，电话138.1234.5678")
    handling_actions.note(appeal.pk, city.clerk, why="同一人第三次，回拨13812345678")
    thief = browse("volunteer")
    for path in (f"/desk/case/{appeal.number}", f"/field/{appeal.number}"):
        said = text_of(thief.get(path))
        assert "没有奶粉了" in said
        for secret in ("138.1234", "5678", "138****5678", "王**", "同一人第三次", "有详细地址"):
            assert secret not in said, (path, secret)
    said = text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))
    assert "同一人第三次" in said
    assert "王**" in said


def test_phone_at_the_cut_of_a_headline_is_fully_masked(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city, "长" * 54 + "13812345678")
    read(appeal)
    assert "13812" not in headline_of(appeal, reveal=False)
    thief = browse("volunteer")
    said = text_of(thief.get("/desk/search", {"q": "长长"}))
    assert appeal.number in said
    assert "13812" not in said
    assert "13812" not in text_of(thief.get("/field"))
    assert "138123" in text_of(browse("clerk").get("/desk/search", {"q": "长长"}))


def test_holder_who_leaves_the_unit_loses_access(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    actions.accept(appeal.pk, city.volunteer)
    thief = browse("volunteer")
    assert PHONE in text_of(thief.get(f"/field/{appeal.number}"))
    Post.objects.filter(user__username="volunteer").exclude(unit__code="food").delete()
    food = Unit.objects.get(code="food")
    Post.objects.get_or_create(
        user=User.objects.get(username="volunteer"), unit=food, role=Role.VOLUNTEER
    )
    actor = actor_of(User.objects.get(username="volunteer"))
    appeal.refresh_from_db()
    assert appeal.holder_id == actor.user_id
    assert not relations(actor, appeal)
    assert not Appeal.objects.filter(visible_q(actor)).exists()
    assert inboxes.by_number(actor, appeal.pk) is None
    assert thief.get(f"/field/{appeal.number}").status_code == 404
    assert thief.post(f"/desk/case/{appeal.number}/reveal", {"why": "x"}).status_code == 404
    assert appeal.number not in text_of(thief.get("/field"))


@pytest.mark.parametrize("role", [Role.VOLUNTEER, Role.HANDLER])
def test_volunteer_reveals_only_while_holding_the_case(
    browse: Browse, city: Cast, role: Role
) -> None:
    Post.objects.filter(user__username="volunteer").update(role=role)
    actor = actor_of(User.objects.get(username="volunteer"))
    appeal = free_milk(city)
    actions.accept(appeal.pk, actor)
    client = browse("volunteer")
    path = f"/desk/case/{appeal.number}/reveal"
    assert client.post(path, {"why": "送货"}).status_code == 200
    handling_actions.resolve(appeal.pk, actor, words="送到了")
    appeal.refresh_from_db()
    staff = role is Role.HANDLER
    assert may_reveal(actor, appeal) is staff
    assert client.post(path, {"why": "再看"}).status_code == (200 if staff else 403)
    said = text_of(client.get(f"/field/{appeal.number}"))
    assert (BARE in said) is staff


def test_each_acceptance_logs_one_reveal(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    client = browse("volunteer")
    for _turn in range(2):
        client.post(f"/field/{appeal.number}/accept")
        client.get(f"/field/{appeal.number}")
        client.get(f"/field/{appeal.number}")
        client.post(f"/field/{appeal.number}/release", {"why": "临时有事"})
    seen = list(Reveal.objects.order_by("pk").values_list("why", flat=True))
    assert seen == ["taken 4", "taken 6"]


@pytest.mark.parametrize(
    "key", ["9999-12-31T23:59:59-23:59~1", "0001-01-01T00:00:00%2B23:59~1", "2026-02-30T00:00Z~1"]
)
def test_page_key_with_invalid_date_shows_first_page(browse: Browse, city: Cast, key: str) -> None:
    appeal = file_one()
    actions.answer(appeal.pk, city.clerk, words="请带身份证")
    page = browse("operator").get(f"/desk/callback?after={key}")
    assert page.status_code == 200
    assert numbers(page) == [appeal.number]


def test_said_at_is_shown_if_long_before_filing(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    client = browse("clerk")

    def shown(before: timedelta) -> bool:
        Appeal.objects.filter(pk=appeal.pk).update(said_at=appeal.filed_at - before)
        return "说于" in text_of(client.get(f"/desk/case/{appeal.number}"))

    assert "说于" not in text_of(client.get(f"/desk/case/{appeal.number}"))
    assert not shown(timedelta(minutes=50))
    assert shown(timedelta(hours=3))
