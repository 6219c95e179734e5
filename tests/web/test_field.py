"""Out there: what a volunteer sees before taking a case, after it, and what is written down."""

from __future__ import annotations

from tests.cast import PHONE, Cast, file_one
from tests.web.conftest import Browse, text_of
from tests.web.test_desks import queries_of
from yinghu.appeals import loop
from yinghu.appeals.models import Appeal
from yinghu.people.models import Reveal


def free_milk(city: Cast, body: str = "家里没有奶粉了，我的电话13812345678") -> Appeal:
    appeal = file_one(body, address="稠城街道3号楼501")
    loop.sort(appeal.pk, city.clerk, category="milk")
    loop.assign(appeal.pk, city.dispatcher, unit="milk")
    return appeal


def test_phone_and_address_appear_only_after_taking_and_that_is_logged(
    browse: Browse, city: Cast
) -> None:
    appeal = free_milk(city)
    client = browse("volunteer")
    for path in ("/field", f"/field/{appeal.number}"):
        said = text_of(client.get(path))
        assert "家里没有奶粉了" in said
        assert all(secret not in said for secret in ("13812345678", "王小明", "3号楼501"))
    taken = client.post(f"/field/{appeal.number}/accept", {"version": "3"}, follow=True)
    said = text_of(taken)
    assert all(shown in said for shown in (PHONE, "王小明", "3号楼501"))
    assert "no-store" in taken.headers["Cache-Control"]
    client.get(f"/field/{appeal.number}")
    seen = Reveal.objects.get()
    assert (seen.user.username, seen.appeal_number, seen.why) == (
        "volunteer",
        appeal.number,
        "taken 4",
    )


def test_of_two_who_take_it_one_has_it_and_the_other_is_told(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    form = {"version": "3"}
    assert browse("volunteer").post(f"/field/{appeal.number}/accept", form).status_code == 302
    late = browse("milk-handler").post(f"/field/{appeal.number}/accept", form)
    assert late.status_code == 409
    assert "不能再“接单”" in text_of(late)
    assert Reveal.objects.filter(user__username="milk-handler").count() == 0


def test_what_another_has_taken_keeps_its_secrets(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    loop.accept(appeal.pk, city.milk)
    said = text_of(browse("volunteer").get(f"/field/{appeal.number}"))
    assert "13812345678" not in said
    assert "3号楼501" not in said


def test_report_hand_back_take_again_and_resolve(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    handler = browse("milk-handler")

    def do(verb: str, **typed: str) -> int:
        return handler.post(f"/field/{appeal.number}/{verb}", typed).status_code

    assert do("accept") == 302
    assert do("report", words="排队中") == 302
    assert do("resolve", words="") == 422
    assert do("release", why="下班了") == 302
    assert do("accept") == 302
    assert do("resolve", words="送到了") == 302
    assert do("resolve", words="送到了") == 409
    assert do("close") == 404
    appeal.refresh_from_db()
    assert appeal.status == "resolved"


def test_mine_and_free_in_constant_queries(browse: Browse, city: Cast) -> None:
    first = free_milk(city)
    loop.accept(first.pk, city.milk)
    free_milk(city)
    client = browse("milk-handler")
    before = queries_of(client, "/field")
    for _turn in range(5):
        loop.accept(free_milk(city).pk, city.milk)
        free_milk(city)
    assert queries_of(client, "/field") == before
    said = text_of(client.get("/field"))
    assert said.count('class="card job own"') == 6
    assert said.count('class="card job"') == 6


def test_who_has_nothing_to_do_is_told_what_could_be_done(browse: Browse, city: Cast) -> None:
    client = browse("volunteer")
    empty = text_of(client.get("/field"))
    assert "现在没有等您办的事" in empty
    assert 'href="/file"' in empty
    free_milk(city)
    some = text_of(client.get("/field"))
    assert "现在没有等您办的事" not in some
    assert "下面的可以接" in some


def test_a_stranger_to_the_case_finds_nothing(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    assert browse("urban-handler").get(f"/field/{appeal.number}").status_code == 404
    assert browse("urban-handler").post(f"/field/{appeal.number}/accept").status_code == 404
    assert browse("clerk").get("/field").status_code == 403
