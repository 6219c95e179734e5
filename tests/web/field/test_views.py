"""The field pages: what a volunteer sees before and after taking a case, and what is logged."""

from __future__ import annotations

import html
import io
import json
import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tests.cast import PHONE, Cast, file_one
from tests.web.conftest import Browse, text_of
from tests.web.queues.test_views import queries_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.people.models import Post, Reveal, Role, Unit, User
from yinghu.places.locate import metres
from yinghu.places.models import Place
from yinghu.ui.pagination import PAGE_SIZE
from yinghu.web.field.distance import blur_point


def free_milk(city: Cast, body: str = "家里没有奶粉了，我的电话13812345678") -> Appeal:
    appeal = file_one(body, address="稠城街道3号楼501")
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    return appeal


def test_contact_details_appear_after_taking_and_are_logged(browse: Browse, city: Cast) -> None:
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


def test_second_take_is_refused_with_a_message(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    form = {"version": "3"}
    assert browse("volunteer").post(f"/field/{appeal.number}/accept", form).status_code == 302
    late = browse("milk-handler").post(f"/field/{appeal.number}/accept", form)
    assert late.status_code == 409
    assert "已经有人接了" in text_of(late)
    assert Reveal.objects.filter(user__username="milk-handler").count() == 0


def test_case_held_by_another_hides_contact_details(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    actions.accept(appeal.pk, city.milk)
    said = text_of(browse("volunteer").get(f"/field/{appeal.number}"))
    assert "13812345678" not in said
    assert "3号楼501" not in said


def test_handler_reports_releases_retakes_and_resolves(browse: Browse, city: Cast) -> None:
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


def test_field_page_query_count_is_constant(browse: Browse, city: Cast) -> None:
    first = free_milk(city)
    actions.accept(first.pk, city.milk)
    free_milk(city)
    client = browse("milk-handler")
    before = queries_of(client, "/field")
    for _turn in range(5):
        actions.accept(free_milk(city).pk, city.milk)
        free_milk(city)
    assert queries_of(client, "/field") == before
    said = text_of(client.get("/field"))
    assert said.count('class="card job own"') == 6
    assert said.count('class="card job"') == 6


def test_empty_field_page_suggests_what_to_do(browse: Browse, city: Cast) -> None:
    client = browse("volunteer")
    empty = text_of(client.get("/field"))
    assert "现在没有等您办的事" in empty
    assert 'href="/file"' in empty
    free_milk(city)
    some = text_of(client.get("/field"))
    assert "现在没有等您办的事" not in some
    assert "下面的可以接" in some


def test_case_is_not_found_for_other_units(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    assert browse("urban-handler").get(f"/field/{appeal.number}").status_code == 404
    assert browse("urban-handler").post(f"/field/{appeal.number}/accept").status_code == 404
    assert browse("clerk").get("/field").status_code == 403


def test_open_case_has_a_fixed_blurred_position_until_taken(browse: Browse, city: Cast) -> None:
    place = Place.objects.get(code="futian")
    assert place.lon is not None
    assert place.lat is not None
    door = {"lon": place.lon + 0.01, "lat": place.lat + 0.01}
    appeal = file_one("没有奶粉", place=place.pk, area=place.area_id, **door)
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    client = browse("volunteer")

    def point() -> dict[str, Any]:
        given = re.search(r'data-map="([^"]*)"', text_of(client.get("/field/-/map")))
        assert given
        (only,) = json.loads(html.unescape(given[1]))["points"]
        found: dict[str, Any] = only
        return found

    first = point()
    far = metres(place.lon, place.lat, first["lon"], first["lat"])
    assert 149 <= far <= 301
    assert metres(door["lon"], door["lat"], first["lon"], first["lat"]) > 500
    # Repeated views return the same point, so averaging reveals nothing.
    assert point() == first
    assert first["kind"] == "blurred"
    said = text_of(client.get(f"/field/{appeal.number}"))
    assert f"{door['lat']}" not in said
    assert "uri.amap.com" not in said
    client.post(f"/field/{appeal.number}/accept", {"version": "3"})
    said = text_of(client.get(f"/field/{appeal.number}"))
    assert f"position={door['lon']},{door['lat']}" in said
    assert point()["lon"] == door["lon"]
    assert point()["kind"] == "mine"


def test_blurred_points_differ_and_keep_their_distance(city: Cast) -> None:
    points = [blur_point(n, 120.0, 29.3) for n in range(1, 400)]
    assert len({(point.lon, point.lat) for point in points}) == len(points)
    far = [metres(120.0, 29.3, point.lon, point.lat) for point in points]
    assert min(far) >= 149
    assert max(far) <= 301
    # In every direction.
    assert {(p.lon > 120.0, p.lat > 29.3) for p in points} == {
        (east, north) for east in (True, False) for north in (True, False)
    }


def test_known_position_sorts_cases_nearest_first(browse: Browse, city: Cast) -> None:
    made = {}
    for code in ("fotang", "siji", "futian"):
        place = Place.objects.get(code=code)
        made[code] = file_one("没有奶粉", place=place.pk, area=place.area_id)
        actions.sort(made[code].pk, city.clerk, category="milk")
        actions.assign(made[code].pk, city.dispatcher, unit="milk")
    client = browse("volunteer")

    def order(query: str) -> list[str]:
        numbers = re.findall(r"/field/(\d{4}-\d{4}-\d)", text_of(client.get(f"/field?{query}")))
        return [code for number in numbers for code in made if made[code].number == number]

    assert order("") == ["fotang", "siji", "futian"]
    assert order("lon=120.104&lat=29.339") == ["futian", "siji", "fotang"]
    assert order("lon=120.017&lat=29.204")[0] == "fotang"
    # The position is remembered until the user sorts by urgency again.
    assert order("")[0] == order("lon=nan&lat=x")[0] == "fotang"
    assert "改成最急的在前" in text_of(client.get("/field"))
    assert order("order=urgent") == order("") == ["fotang", "siji", "futian"]
    assert "改成最急的在前" not in text_of(client.get("/field"))
    assert "约 " in text_of(client.get("/field?lon=120.104&lat=29.339"))
    far = file_one("不知在哪里的", category="milk")
    actions.sort(far.pk, city.clerk, category="milk")
    actions.assign(far.pk, city.dispatcher, unit="milk")
    said = text_of(client.get("/field?lon=120.104&lat=29.339"))
    assert said.rindex(far.number) > said.rindex(made["fotang"].number)


def test_late_take_offers_the_next_case(browse: Browse, city: Cast) -> None:
    gone, other = free_milk(city), free_milk(city)
    actions.accept(gone.pk, city.milk)
    late = browse("volunteer").post(f"/field/{gone.number}/accept", {"version": "3"})
    assert late.status_code == 409
    said = text_of(late)
    assert "已经有人接了" in said
    assert f'href="/field/{other.number}"' in said
    assert "奶粉组小李" not in said


def test_done_list_hides_the_requester(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    actions.accept(appeal.pk, city.volunteer)
    client = browse("volunteer")
    assert appeal.number not in text_of(client.get("/field/-/done"))
    handling_actions.resolve(appeal.pk, city.volunteer, words="送到了，电话13812345678")
    said = text_of(client.get("/field/-/done"))
    assert appeal.number in said
    assert all(hidden not in said for hidden in ("13812345678", "王小明", "3号楼501", "没有奶粉"))
    assert appeal.number not in text_of(browse("volunteer-2").get("/field/-/done"))


def test_resubmitted_form_is_carried_out_once(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    client = browse("volunteer")

    def do(verb: str, version: int, **typed: str) -> int:
        typed["version"] = str(version)
        return client.post(f"/field/{appeal.number}/{verb}", typed).status_code

    assert [do("accept", 3) for _turn in range(2)] == [302, 302]
    assert [do("report", 4, words="排队中 ") for _turn in range(2)] == [302, 302]
    assert do("report", 4, words="另外的话") == 409
    assert [do("release", 5, why="下班了") for _turn in range(2)] == [302, 302]
    # The take is no longer a repeat once another user has the case.
    actions.accept(appeal.pk, city.milk)
    assert do("accept", 6) == 409
    assert [event.verb for event in appeal.events.order_by("seq")][3:] == [
        "accept",
        "report",
        "release",
        "accept",
    ]
    assert Reveal.objects.filter(user__username="volunteer").count() == 1


def test_case_photos_are_visible_to_the_holder_only(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    actions.accept(appeal.pk, city.volunteer)
    client = browse("volunteer")
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, "JPEG")
    photo = SimpleUploadedFile("queue.jpg", out.getvalue(), "image/jpeg")
    form = {"words": "排队中", "photos": photo, "version": "4"}
    assert client.post(f"/field/{appeal.number}/report", form).status_code == 302
    address = f"/photo/{appeal.attachments.get().pk}"
    # The photo appears once, beside its event.
    assert text_of(client.get(f"/field/{appeal.number}")).count(f'<img src="{address}"') == 1
    assert client.get(address).status_code == 200
    other = browse("volunteer-2")
    Post.objects.create(
        user=User.objects.get(username="volunteer-2"),
        unit=Unit.objects.get(code="milk"),
        role=Role.VOLUNTEER,
    )
    assert address not in text_of(other.get(f"/field/{appeal.number}"))
    assert other.get(address).status_code == 404


def test_field_page_says_when_the_list_is_cut_off(browse: Browse, city: Cast) -> None:
    client = browse("volunteer")
    for _turn in range(PAGE_SIZE):
        free_milk(city)
    assert "等人的很多" not in text_of(client.get("/field"))
    free_milk(city)
    assert "等人的很多" in text_of(client.get("/field"))
    assert "等人的很多" in text_of(client.get("/field?lon=120.1&lat=29.3"))


def test_task_page_query_count_and_photo_pickers(browse: Browse, city: Cast) -> None:
    appeal = free_milk(city)
    client = browse("volunteer")
    assert client.get(f"/field/{appeal.number}").status_code == 200
    assert queries_of(client, f"/field/{appeal.number}") == 8
    actions.accept(appeal.pk, city.volunteer)
    said = text_of(client.get(f"/field/{appeal.number}"))
    # Report photos use the same picker as the requester's form.
    assert "拍照或选照片" in said
    assert said.count('class="photo-add"') == 2


def test_take_beyond_the_limit_explains_what_to_do(browse: Browse, city: Cast) -> None:
    Unit.objects.filter(code="milk").update(most_held=1)
    taken_by_volunteer, other = file_one("第一件"), file_one("第二件")
    for appeal in (taken_by_volunteer, other):
        actions.sort(appeal.pk, city.clerk, category="other")
        actions.assign(appeal.pk, city.dispatcher, unit="milk")
    actions.accept(taken_by_volunteer.pk, city.volunteer)
    client = browse("volunteer")
    version = Appeal.objects.get(pk=other.pk).version
    page = client.post(f"/field/{other.number}/accept", {"version": version})
    assert page.status_code == 409
    assert "您手上已有 1 件，请先办好或放回一件，再接新的" in text_of(page)
    other.refresh_from_db()
    assert other.holder_id is None
