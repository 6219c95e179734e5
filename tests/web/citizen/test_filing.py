"""Filing at a sticker: without an account, without JavaScript, once, and losing nothing."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import Settings

from tests.cast import Cast
from tests.web.conftest import Browse, form_of, text_of
from yinghu.appeals.models import Appeal, Attachment
from yinghu.appeals.moving import MAX_WORDS
from yinghu.appeals.numbers import number_of
from yinghu.common.privacy.opening import unseal
from yinghu.intake.models import Message
from yinghu.places.models import Area, Place

WORDS = "家里婴儿没有奶粉了，需要一段两罐"


def photo(name: str = "门口.png", colour: str = "teal") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue(), content_type="image/png")


def file(client: Client, address: str = "/file", **typed: object) -> Any:
    return client.post(address, {**form_of(client, address), "words": WORDS, **typed})


def test_a_filing_at_a_sticker_knows_where_it_is(browse: Browse) -> None:
    client = browse()
    page = file(
        client, "/p/xiuhu", name="王小明", phone="138 1234 5678", where="3号楼501", photos=[photo()]
    )
    appeal = Appeal.objects.get()
    assert page.status_code == 302
    assert page.url == f"/t/{appeal.token}/filed"
    assert (appeal.body, appeal.channel, appeal.area_id) == (WORDS, "web", "330782001004001")
    assert appeal.place is not None
    assert appeal.place.code == "xiuhu"
    assert [unseal(sealed) for sealed in (appeal.name, appeal.phone, appeal.address)] == [
        "王小明",
        "+8613812345678",
        "3号楼501",
    ]
    assert Attachment.objects.filter(appeal=appeal).count() == 1
    done = text_of(client.get(page.url))
    assert appeal.number in done
    assert f"/t/{appeal.token}" in done
    # The place of the scanned sticker is kept.
    assert 'href="/p/xiuhu">再提一件' in done


def test_one_more_begins_at_the_start_where_no_place_is_known_or_it_is_closed(
    browse: Browse,
) -> None:
    client = browse()
    page = file(client)
    assert 'href="/">再提一件' in text_of(client.get(page.url))
    page = file(client, "/p/xiuhu")
    Place.objects.filter(code="xiuhu").update(active=False)
    assert 'href="/">再提一件' in text_of(client.get(page.url))


def test_the_message_is_kept_as_it_came_and_sealed(browse: Browse) -> None:
    file(browse(), name="王小明", phone="13812345678", photos=[photo("证明.png")])
    kept = Message.objects.get()
    assert "王小明".encode() not in bytes(kept.raw)
    raw = json.loads(unseal(kept.raw))
    assert raw["form"]["words"] == [WORDS]
    assert raw["form"]["photos"] == ["证明.png"]


def test_the_same_form_twice_is_one_appeal_with_one_answer(browse: Browse, tmp_path: Path) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS}
    first = client.post("/file", {**typed, "photos": [photo()]})
    again = client.post("/file", {**typed, "photos": [photo()]})
    # Many browsers forget the photos of a form that one goes back to.
    third = client.post("/file", typed)
    places = {page.headers["Location"] for page in (first, again, third)}
    assert places == {f"/t/{Appeal.objects.get().token}/filed"}
    assert len(list(tmp_path.rglob("*.jpg"))) == Attachment.objects.count() == 1
    assert "没有重复登记" in text_of(client.get(first.headers["Location"]))


CORRECTED: list[dict[str, object]] = [
    {"phone": "13900001111"},
    {"name": "王五"},
    {"where": "福田街道3号"},
    {"words": "还要一包尿布"},
    {"category": "milk"},
    {"category": "milk", "q_brand": "二段"},
    {"photos": ["other"]},
]


@pytest.mark.parametrize("change", CORRECTED, ids=lambda change: "-".join(change))
def test_what_is_corrected_in_a_form_already_sent_is_kept_whole(
    browse: Browse, change: dict[str, object], tmp_path: Path
) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS, "phone": "13812345678", "name": "王小明"}
    client.post("/file", {**typed, "photos": [photo()]})
    first = Appeal.objects.get()
    other = change.get("photos") is not None
    for _press in range(2):
        pictures = [photo(colour="red" if other else "teal")]
        page = client.post("/file", {**typed, **change, "photos": pictures})
        second = Appeal.objects.exclude(pk=first.pk).get()
        assert page.headers["Location"] == f"/t/{second.token}/filed"
    raw = json.loads(unseal(Message.objects.get(appeal=second).raw))["form"]
    for name, given in change.items():
        assert other or raw[name] == [given]
    assert unseal(second.phone) == f"+86{change.get('phone', '13812345678')}"
    assert unseal(second.name) == change.get("name", "王小明")
    assert unseal(second.address) == change.get("where", "")
    assert second.body == change.get("words", WORDS)
    assert second.category_id == change.get("category")
    assert list(first.attachments.values("width")) == list(second.attachments.values("width"))
    assert len(list(tmp_path.rglob("*.jpg"))) == Attachment.objects.count() == 2
    # What it was before has not changed either.
    first.refresh_from_db()
    assert (first.body, unseal(first.phone), first.version) == (WORDS, "+8613812345678", 1)


def test_who_corrected_a_form_is_told_of_both_and_so_is_triage(browse: Browse, city: Cast) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS}
    client.post("/file", {**typed, "phone": "13812345678"})
    page = client.post("/file", {**typed, "phone": "13900001111"})
    first, second = Appeal.objects.order_by("id")
    said = text_of(client.get(page.headers["Location"]))
    assert "另外登记了一件" in said
    assert f'<a href="/t/{first.token}">{first.number}</a>' in said
    assert second.number in said
    found = client.post("/find", {"number": second.number, "phone": "13900001111"})
    assert found.headers["Location"] == f"/t/{second.token}"
    desk = text_of(browse("clerk").get(f"/desk/case/{second.number}"))
    assert "可能是同一件" in desk
    assert first.number in desk
    # The first words once more are still the first appeal.
    again = client.post("/file", {**typed, "phone": "13812345678"})
    assert again.headers["Location"] == f"/t/{first.token}/filed"
    assert Appeal.objects.count() == 2


def test_nothing_that_is_kept_open_of_a_corrected_form_lets_its_phone_be_tried(
    browse: Browse,
) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS}
    for phone in ("13812345678", "13900001111"):
        client.post("/file", {**typed, "phone": phone})
    kept = Message.objects.order_by("id").last()
    assert kept is not None
    mark = kept.external_id.partition(":")[2]
    guesses = [
        json.dumps([WORDS, "", "+8613900001111", "", None, None, {}], ensure_ascii=False),
        "+8613900001111",
    ]
    for guess in guesses:
        for method in (hashlib.sha256, hashlib.md5, hashlib.blake2b):
            assert mark not in method(guess.encode()).hexdigest()
    assert re.fullmatch("[0-9a-f]{32}", mark)


def test_a_photo_that_cannot_be_kept_with_a_correction_is_said(
    browse: Browse, tmp_path: Path
) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS}
    client.post("/file", typed)
    false = SimpleUploadedFile("照片.jpg", b"no photo", content_type="image/jpeg")
    page = client.post("/file", {**typed, "phone": "13900001111", "photos": [false]})
    assert page.status_code == 422
    assert 'id="f-photos-error"' in text_of(page)
    assert 'value="13900001111"' in text_of(page)
    assert Appeal.objects.count() == 1
    assert list(tmp_path.rglob("*.jpg")) == []


@pytest.mark.parametrize("words", ["\u200b", "\u200d\ufeff \u2060", "\u202e\u2800", "\u3164\u0301"])
def test_an_appeal_of_nothing_visible_is_none(browse: Browse, words: str) -> None:
    page = file(browse(), words=words)
    assert page.status_code == 422
    assert "请写几个字" in text_of(page)
    assert not Appeal.objects.exists()


def test_hidden_signs_do_not_change_what_staff_read(browse: Browse) -> None:
    file(
        browse(),
        words="救\u200b命\u202e，孩子👨\u200d👩\u200d👧，می\u200cخواهم",
        name="\u202e明\u200d小\u200b王\u2066",
        where="\u200e3号楼\u061c501\ufeff",
        # As a phone's own address book copies it.
        phone="\u202d138 1234 5678\u202c",
    )
    appeal = Appeal.objects.get()
    assert appeal.body == "救命，孩子👨\u200d👩\u200d👧，می\u200cخواهم"
    assert (unseal(appeal.name), unseal(appeal.address)) == ("明小王", "3号楼501")
    assert unseal(appeal.phone) == "+8613812345678"
    # As it came it is kept too.
    raw = json.loads(unseal(Message.objects.get().raw))
    assert raw["form"]["name"] == ["\u202e明\u200d小\u200b王\u2066"]


def test_anonymous_is_allowed(browse: Browse) -> None:
    file(browse())
    appeal = Appeal.objects.get()
    assert (bytes(appeal.name), bytes(appeal.phone), appeal.caller) == (b"", b"", None)


def test_a_wrong_phone_is_said_beside_it_and_everything_typed_stays(browse: Browse) -> None:
    page = file(browse(), phone="12", where="3号楼", name="王小明")
    said = text_of(page)
    assert page.status_code == 422
    assert 'id="f-phone-error"' in said
    assert all(text in said for text in (WORDS, 'value="12"', 'value="3号楼"', 'value="王小明"'))
    assert not Appeal.objects.exists()


def test_no_words_and_too_many_words_are_refused(browse: Browse) -> None:
    assert "请写几个字" in text_of(file(browse(), words="  "))
    page = file(browse(), words="很" * (MAX_WORDS + 1))
    assert page.status_code == 422
    assert not Appeal.objects.exists()


def test_nul_in_the_words_is_refused_in_words(browse: Browse) -> None:
    page = file(browse(), words="你好\x00")
    assert page.status_code == 422


def test_where_the_disk_takes_no_photo_the_words_are_not_lost(
    browse: Browse, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "full"
    settings.MEDIA_ROOT.write_text("no folder")
    client = browse()
    page = file(client, body="没有奶粉了", photos=[photo()])
    assert page.status_code == 422
    assert "照片现在存不下" in text_of(page)
    assert "没有奶粉了" in text_of(page)
    assert Appeal.objects.count() == 0


def test_a_false_photo_is_said_beside_it_and_nothing_stays_on_disk(
    browse: Browse, tmp_path: Path
) -> None:
    false = SimpleUploadedFile("照片.jpg", b"<script>alert(1)</script>", content_type="image/jpeg")
    page = file(browse(), photos=[photo(), false])
    assert page.status_code == 422
    assert 'id="f-photos-error"' in text_of(page)
    assert WORDS in text_of(page)
    assert list(tmp_path.rglob("*.jpg")) == []
    assert not Appeal.objects.exists()


def test_seven_photos_are_too_many(browse: Browse) -> None:
    page = file(browse(), photos=[photo() for _i in range(7)])
    assert "最多 6 张照片" in text_of(page)
    assert not Appeal.objects.exists()


def test_picking_a_category_without_javascript_keeps_what_was_typed(browse: Browse) -> None:
    client = browse()
    form = form_of(client, "/p/xiuhu")
    page = client.post("/p/xiuhu", {**form, "words": WORDS, "phone": "138", "pick": "milk"})
    said = text_of(page)
    assert "品牌和段数" in said
    assert form["form_id"] in said
    assert f"{WORDS}</textarea>" in said
    assert 'value="138"' in said
    assert not Appeal.objects.exists()


def test_html_and_sql_are_words_like_others(browse: Browse) -> None:
    words = "<script>alert(1)</script>'; DROP TABLE appeals_appeal; --"
    page = file(browse(), words=words)
    appeal = Appeal.objects.get()
    assert appeal.body == words
    shown = text_of(browse().get(page.url.removesuffix("/filed")))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_without_our_pages_token_nothing_is_filed_and_nothing_lost(browse: Browse) -> None:
    client = browse(enforce_csrf_checks=True)
    form = form_of(client)
    page = client.post("/file", {"form_id": form["form_id"], "words": WORDS})
    assert page.status_code == 403
    assert f"{WORDS}</textarea>" in text_of(page)
    assert not Appeal.objects.exists()
    again = client.post("/file", {**form, "words": WORDS})
    assert again.status_code == 302


@pytest.mark.parametrize("made_up", ["", "1", "1:forged", "x" * 500])
def test_nobody_asks_by_a_form_name_of_their_own(browse: Browse, made_up: str) -> None:
    page = browse().post("/file", {"form_id": made_up, "words": WORDS})
    assert page.status_code == 403
    assert not Appeal.objects.exists()


def test_an_unknown_sticker_still_lets_people_ask(browse: Browse) -> None:
    page = browse().get("/p/nowhere")
    assert page.status_code == 404
    assert "没有认出这张贴纸" in text_of(page)
    assert "<textarea" in text_of(page)


def test_a_flood_from_one_address_is_told_when_to_come_again(
    browse: Browse, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"file": (2, 30.0)}
    client = browse()
    for turn in range(2):
        # Whatever the header says: only the door decides who the sender is.
        page = client.post(
            "/file",
            {**form_of(client), "words": WORDS},
            headers={"X-Forwarded-For": f"10.0.0.{turn}"},
        )
        assert page.status_code == 302
    page = client.post(
        "/file", {**form_of(client), "words": WORDS}, headers={"X-Forwarded-For": "10.9.9.9"}
    )
    assert page.status_code == 429
    assert 0 < int(page.headers["Retry-After"]) <= 31
    assert f"{WORDS}</textarea>" in text_of(page)
    other = browse()
    page = other.post("/file", {**form_of(other), "words": WORDS}, REMOTE_ADDR="192.0.2.7")
    assert page.status_code == 302
    assert Appeal.objects.count() == 3


def test_a_form_found_in_another_browser_opens_nobodys_case(browse: Browse) -> None:
    first, other = browse(), browse()
    form = form_of(first)
    filed = first.post("/file", {**form, "words": WORDS})
    assert filed.status_code == 302
    stolen = {**form_of(other), "form_id": form["form_id"], "words": "别人的话"}
    page = other.post("/file", stolen)
    assert page.status_code == 403
    assert Appeal.objects.get().token not in text_of(page)
    assert "别人的话</textarea>" in text_of(page)


def test_who_knows_a_phone_cannot_try_all_the_numbers(browse: Browse) -> None:
    client = browse()
    answers = [
        client.post(
            "/find",
            {"number": number_of(turn + 1), "phone": "13812345678"},
            REMOTE_ADDR=f"192.0.2.{turn}",
        ).status_code
        for turn in range(31)
    ]
    assert answers == [404] * 30 + [429]


def test_a_body_beyond_all_photos_is_413_in_words(browse: Browse) -> None:
    page = browse().post("/file", {"words": WORDS}, CONTENT_LENGTH=str(2**40))
    assert page.status_code == 413
    assert "发来的内容太大" in text_of(page)


def test_the_words_of_the_place_decide_the_area_only_when_certain(browse: Browse) -> None:
    file(browse(), where="福田街道")
    file(browse(), where="家门口")
    assert [appeal.area_id for appeal in Appeal.objects.order_by("id")] == ["330782008", None]


def test_a_stickers_code_is_an_image_without_style(browse: Browse) -> None:
    page = browse().get("/p/xiuhu/qr.svg")
    assert page.headers["Content-Type"] == "image/svg+xml"
    assert b"style" not in page.content


def centre() -> tuple[float, float]:
    """A point in the grid of the sticker at Xiuhu."""
    area = Area.objects.get(pk="330782001004001")
    assert area.lon is not None
    assert area.lat is not None
    return area.lon, area.lat


def test_a_position_finds_the_area_where_neither_sticker_nor_words_say_it(browse: Browse) -> None:
    lon, lat = centre()
    file(browse(), lon=f"{lon:.6f}", lat=f"{lat:.6f}")
    appeal = Appeal.objects.latest("id")
    assert (appeal.lon, appeal.lat) == (round(lon, 6), round(lat, 6))
    assert str(appeal.area_id).startswith("330782001004001")
    file(browse(), lon=f"{lon:.6f}", lat=f"{lat:.6f}", where="佛堂镇")
    named = Appeal.objects.latest("id")
    assert named.area is not None
    assert named.area.name == "佛堂镇"
    assert named.lon == round(lon, 6)
    # A described location with a scanned sticker is in the sticker's area.
    file(browse(), "/p/hospital-central", lon=f"{lon:.6f}", lat=f"{lat:.6f}")
    scanned = Appeal.objects.latest("id")
    assert scanned.place is not None
    assert scanned.area_id == scanned.place.area_id
    assert scanned.lon == round(lon, 6)


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        ("0", "0"),
        ("-73.98", "40.75"),
        ("nan", "nan"),
        ("inf", "29.3"),
        ("1e999", "29.3"),
        ("120.07", ""),
        ("", "29.31"),
        ("120.07", "129.31"),
        ("120.07\x00", "29.31"),
        ("<script>", "'; --"),
    ],
)
def test_a_position_that_cannot_be_is_left_out_and_the_words_are_filed(
    browse: Browse, lon: str, lat: str
) -> None:
    page = file(browse(), lon=lon, lat=lat)
    # NUL is refused at every field, with the typed text kept; no other character is refused.
    if "\x00" in lon:
        assert page.status_code == 422
        assert WORDS in text_of(page)
        return
    assert page.status_code == 302
    appeal = Appeal.objects.get()
    assert (appeal.lon, appeal.lat, appeal.area_id) == (None, None, None)


def test_our_script_is_told_where_to_go_and_says_there_what_we_say(browse: Browse) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS}
    for _press in range(2):
        answer = client.post("/file", typed, headers={"accept": "application/json"})
        assert answer.status_code == 201
        assert answer.json() == {"filed": f"/t/{Appeal.objects.get().token}/filed"}
    assert "没有重复登记" in text_of(client.get(answer.json()["filed"]))
    wrong = client.post("/file", {**typed, "words": ""}, headers={"accept": "application/json"})
    assert wrong.status_code == 422
    assert "请写几个字" in text_of(wrong)
