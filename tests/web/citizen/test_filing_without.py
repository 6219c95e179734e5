"""What cannot be kept of a form does not cost the requester the rest of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django.utils.html import escape

from tests.web.citizen.test_filing import WORDS, centre, file, photo
from tests.web.conftest import Browse, text_of
from yinghu.appeals.city_texts import refresh_texts
from yinghu.appeals.models import Appeal, Attachment, Policy, Text
from yinghu.common.privacy.opening import unseal
from yinghu.places import locate
from yinghu.places.models import Area


@pytest.mark.parametrize(
    ("lon", "lat", "told", "noted"),
    [
        ("0", "0", "没有定到位置", "发来的位置是 0,0，没有记下"),
        ("116.4", "39.9", "离本市太远", "发来的位置离本市太远，没有记下"),
        ("120.07", "", "没有定到位置", "发来的位置看不懂，没有记下"),
    ],
)
def test_impossible_point_is_told_and_the_rest_is_filed(
    browse: Browse, lon: str, lat: str, told: str, noted: str
) -> None:
    client = browse()
    page = file(client, lon=lon, lat=lat)
    appeal = Appeal.objects.get()
    assert (appeal.lon, appeal.lat, appeal.body) == (None, None, WORDS)
    assert told in text_of(client.get(page.url))
    desk = text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))
    assert noted in desk


def test_how_far_is_too_far_is_a_rule_of_the_city(browse: Browse) -> None:
    client = browse()
    lon, lat = centre()
    # Some 60 km to the east.
    file(client, lon=str(lon + 0.62), lat=str(lat))
    Policy.objects.create(key="city_margin_km", value=100)
    file(client, lon=str(lon + 0.62), lat=str(lat))
    first, second = Appeal.objects.order_by("id")
    assert (first.lon, second.lon) == (None, lon + 0.62)


def test_city_without_outlines_is_told_by_the_centres_of_its_areas(browse: Browse) -> None:
    Area.objects.update(outline=None, updated_at=timezone.now())
    locate.refresh_areas()
    lon, lat = centre()
    client = browse()
    file(client, lon=str(lon + 0.2), lat=str(lat))
    file(client, lon="116.4", lat="39.9")
    # Without centres nobody can tell what is far; 0,0 is nowhere in any city.
    Area.objects.update(lon=None, lat=None, updated_at=timezone.now())
    locate.refresh_areas()
    file(client, lon="116.4", lat="39.9")
    file(client, lon="0", lat="0")
    assert [appeal.lon for appeal in Appeal.objects.order_by("id")] == [
        lon + 0.2,
        None,
        116.4,
        None,
    ]


def test_page_says_before_sending_that_a_point_is_too_far(browse: Browse) -> None:
    client = browse()
    assert client.get("/geo/at?lon=116.4&lat=39.9").json() == {"far": True}
    assert client.get("/geo/at?lon=0&lat=0").json() == {"far": True}
    assert client.get("/geo/at?lon=nan&lat=1").json() == {}


def test_point_deeper_in_the_named_area_tells_the_area(browse: Browse) -> None:
    lon, lat = centre()
    file(browse(), where="义乌市", lon=str(lon), lat=str(lat))
    assert str(Appeal.objects.get().area_id).startswith("330782001004001")


def test_bad_photo_refuses_only_itself(browse: Browse, tmp_path: Path) -> None:
    client = browse()
    broken = SimpleUploadedFile("坏的<b>.jpg", b"\xff\xd8\xffno photo", content_type="image/jpeg")
    page = file(client, photos=[photo(), broken, photo(colour="red")])
    appeal = Appeal.objects.get()
    assert appeal.body == WORDS
    assert Attachment.objects.filter(appeal=appeal).count() == 2
    assert len(list(tmp_path.rglob("*.jpg"))) == 2
    said = text_of(client.get(page.url))
    assert f"第 2 张照片（{escape('坏的<b>.jpg')}）没有收下" in said
    assert "这不是能打开的照片" in said
    assert "有照片没有收下" in text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))


WRITTEN = {
    "84664163": ("+8657984664163", "0579 8466 4163"),
    "0571-88888888转801": ("+8657188888888,801", "0571 8888 8888 转 801"),
    "086-13812345678": ("+8613812345678", "138 1234 5678"),
    "0571-88888888-801": ("+8657188888888,801", "0571 8888 8888 转 801"),
}


def test_desk_reads_and_calls_a_phone_kept_as_written(browse: Browse) -> None:
    Text.objects.create(key="area_code", words="0579")
    refresh_texts()
    for written, (dialled, shown) in WRITTEN.items():
        file(browse(), phone=written, name="王小明")
        appeal = Appeal.objects.latest("id")
        assert unseal(appeal.phone) == written
        desk = browse("operator")
        masked = text_of(desk.get(f"/desk/case/{appeal.number}"))
        assert written not in masked
        assert "未核实" in masked
        assert "tel:+86" not in masked
        page = text_of(desk.post(f"/desk/case/{appeal.number}/reveal", {"why": "回电"}))
        assert f'<a href="tel:{dialled}"><bdi dir="ltr">{written}</bdi></a>' in page, page[-3000:]
        assert "未核实" in page
        assert shown in page
    refresh_texts()


def test_phone_that_may_be_mistyped_is_asked_about_once(browse: Browse) -> None:
    """A digit too few is usually a slip, but who insists is not turned away."""
    client = browse()
    page = file(client, phone="1381234567")
    assert page.status_code == 422
    said = text_of(page)
    assert "这个号码可能写错了" in said
    assert 'name="odd_phone" value="1381234567"' in said
    assert f"{WORDS}</textarea>" in said
    other = file(client, phone="1381234568", odd_phone="1381234567")
    assert other.status_code == 422
    page = file(client, phone="1381234567", odd_phone="1381234567")
    assert page.status_code == 302
    assert unseal(Appeal.objects.get().phone) == "1381234567"


def test_verified_phone_carries_no_mark(browse: Browse) -> None:
    file(browse(), phone="13812345678", name="王小明")
    page = browse("operator").post(
        f"/desk/case/{Appeal.objects.get().number}/reveal", {"why": "回电"}
    )
    assert '<a href="tel:+8613812345678">' in text_of(page)
    assert "未核实" not in text_of(page)


def test_case_is_found_again_by_the_phone_as_it_was_written(browse: Browse) -> None:
    client = browse()
    for written, again, other in (
        ("0571-88888888转801", "0571 88888888-801", "0571-88888888"),
        ("84664163", "8466 4163", "84664164"),
        ("086-13812345678", "13812345678", ""),
    ):
        file(client, phone=written)
        appeal = Appeal.objects.latest("id")
        found = client.post("/find", {"number": appeal.number, "phone": again})
        assert found.headers["Location"] == f"/t/{appeal.token}"
        wrong = client.post("/find", {"number": appeal.number, "phone": other})
        assert wrong.status_code == 404
    # A case without a phone is not found without one.
    file(client)
    appeal = Appeal.objects.latest("id")
    assert client.post("/find", {"number": appeal.number, "phone": ""}).status_code == 404


def test_form_names_no_channel(browse: Browse) -> None:
    for channel in ("whistle", "hotline", "api"):
        file(browse(), channel=channel)
    assert set(Appeal.objects.values_list("channel", flat=True)) == {"web"}


def test_uncertain_phone_connects_nobody(browse: Browse) -> None:
    """Two who left one number of a switchboard are not one caller."""
    for _turn in range(2):
        file(browse(), phone="0571-88888888转801")
    for written in ("086-13812345678", "138 1234 5678"):
        file(browse(), phone=written)
    one, two, three, four = (a.caller for a in Appeal.objects.order_by("id"))
    assert (one, two) == (None, None)
    assert three == four
