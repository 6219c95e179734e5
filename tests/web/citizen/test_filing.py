"""Filing an appeal without an account or JavaScript: stored once, with no input lost."""

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
from yinghu.appeals.numbers import number_of
from yinghu.common.privacy.opening import unseal
from yinghu.intake.drafts import MAX_BODY
from yinghu.intake.models import Message
from yinghu.places.models import Area, Place

WORDS = "家里婴儿没有奶粉了，需要一段两罐"


def photo(name: str = "门口.png", colour: str = "teal") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue(), content_type="image/png")


def file(client: Client, address: str = "/file", **typed: object) -> Any:
    return client.post(address, {**form_of(client, address), "words": WORDS, **typed})


def test_filing_at_a_sticker_records_its_place(browse: Browse) -> None:
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
    # The link for another appeal keeps the place of the sticker.
    assert 'href="/p/xiuhu">再提一件' in done


def test_another_appeal_without_active_place_starts_at_home(
    browse: Browse,
) -> None:
    client = browse()
    page = file(client)
    assert 'href="/">再提一件' in text_of(client.get(page.url))
    page = file(client, "/p/xiuhu")
    Place.objects.filter(code="xiuhu").update(active=False)
    assert 'href="/">再提一件' in text_of(client.get(page.url))


def test_raw_message_is_stored_sealed(browse: Browse) -> None:
    file(browse(), name="王小明", phone="13812345678", photos=[photo("证明.png")])
    kept = Message.objects.get()
    assert "王小明".encode() not in bytes(kept.raw)
    raw = json.loads(unseal(kept.raw))
    assert raw["form"]["words"] == [WORDS]
    assert raw["form"]["photos"] == ["证明.png"]


def test_duplicate_submission_creates_one_appeal(browse: Browse, tmp_path: Path) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS}
    first = client.post("/file", {**typed, "photos": [photo()]})
    again = client.post("/file", {**typed, "photos": [photo()]})
    # Many browsers drop the photos of a form when the user goes back to it.
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
def test_resubmitting_a_changed_form_creates_second_appeal(
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
    # The first appeal is unchanged.
    first.refresh_from_db()
    assert (first.body, unseal(first.phone), first.version) == (WORDS, "+8613812345678", 1)


def test_requester_and_triage_see_both_versions_of_a_form(browse: Browse, city: Cast) -> None:
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
    # Submitting the first version again leads to the first appeal.
    again = client.post("/file", {**typed, "phone": "13812345678"})
    assert again.headers["Location"] == f"/t/{first.token}/filed"
    assert Appeal.objects.count() == 2


def test_external_id_does_not_allow_guessing_the_phone(
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


def test_invalid_photo_in_a_changed_form_refuses_only_itself(
    browse: Browse, tmp_path: Path
) -> None:
    client = browse()
    typed = {**form_of(client), "words": WORDS}
    client.post("/file", typed)
    for _press in range(2):
        false = SimpleUploadedFile("照片.jpg", b"no photo", content_type="image/jpeg")
        page = client.post("/file", {**typed, "phone": "13900001111", "photos": [false]})
        assert page.status_code == 302
    assert Appeal.objects.count() == 2
    assert list(tmp_path.rglob("*.jpg")) == []


@pytest.mark.parametrize("words", ["\u200b", "\u200d\ufeff \u2060", "\u202e\u2800", "\u3164\u0301"])
def test_words_without_visible_characters_are_refused(browse: Browse, words: str) -> None:
    page = file(browse(), words=words)
    assert page.status_code == 422
    assert "请写几个字" in text_of(page)
    assert not Appeal.objects.exists()


def test_misleading_invisible_characters_are_removed(browse: Browse) -> None:
    file(
        browse(),
        words="救\u200b命\u202e，孩子👨\u200d👩\u200d👧，می\u200cخواهم",
        name="\u202e明\u200d小\u200b王\u2066",
        where="\u200e3号楼\u061c501\ufeff",
        # Address books on phones copy numbers with such direction marks.
        phone="\u202d138 1234 5678\u202c",
    )
    appeal = Appeal.objects.get()
    assert appeal.body == "救命，孩子👨\u200d👩\u200d👧，می\u200cخواهم"
    assert (unseal(appeal.name), unseal(appeal.address)) == ("明小王", "3号楼501")
    assert unseal(appeal.phone) == "+8613812345678"
    # The raw message keeps them.
    raw = json.loads(unseal(Message.objects.get().raw))
    assert raw["form"]["name"] == ["\u202e明\u200d小\u200b王\u2066"]


def test_anonymous_filing_is_allowed(browse: Browse) -> None:
    file(browse())
    appeal = Appeal.objects.get()
    assert (bytes(appeal.name), bytes(appeal.phone), appeal.caller) == (b"", b"", None)


def test_invalid_phone_is_refused_and_input_kept(browse: Browse) -> None:
    page = file(browse(), phone="12", where="3号楼", name="王小明")
    said = text_of(page)
    assert page.status_code == 422
    assert 'id="f-phone-error"' in said
    assert all(text in said for text in (WORDS, 'value="12"', 'value="3号楼"', 'value="王小明"'))
    assert not Appeal.objects.exists()


def test_empty_and_too_long_words_are_refused(browse: Browse) -> None:
    assert "请写几个字" in text_of(file(browse(), words="  "))
    page = file(browse(), words="很" * (MAX_BODY + 1))
    assert page.status_code == 422
    assert not Appeal.objects.exists()


def test_nul_in_the_words_is_refused(browse: Browse) -> None:
    page = file(browse(), words="你好\x00")
    assert page.status_code == 422


def test_failed_photo_storage_does_not_cost_the_words(
    browse: Browse, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "full"
    settings.MEDIA_ROOT.write_text("no folder")
    client = browse()
    page = file(client, photos=[photo()])
    assert page.status_code == 302
    assert "没有收下：现在存不下" in text_of(client.get(page.url))
    assert Appeal.objects.get().body == WORDS
    assert Attachment.objects.count() == 0


def test_more_than_six_photos_are_set_aside(browse: Browse) -> None:
    client = browse()
    page = file(client, photos=[photo() for _i in range(7)])
    said = text_of(client.get(page.url))
    assert "第 7 张照片（门口.png）没有收下：最多 6 张照片" in said
    assert Attachment.objects.filter(appeal=Appeal.objects.get()).count() == 6


def test_picking_a_category_without_javascript_keeps_input(browse: Browse) -> None:
    client = browse()
    form = form_of(client, "/p/xiuhu")
    page = client.post("/p/xiuhu", {**form, "words": WORDS, "phone": "138", "pick": "milk"})
    said = text_of(page)
    assert "品牌和段数" in said
    assert form["form_id"] in said
    assert f"{WORDS}</textarea>" in said
    assert 'value="138"' in said
    assert not Appeal.objects.exists()


def test_html_and_sql_in_the_words_stay_text(browse: Browse) -> None:
    words = "<script>alert(1)</script>'; DROP TABLE appeals_appeal; --"
    page = file(browse(), words=words)
    appeal = Appeal.objects.get()
    assert appeal.body == words
    shown = text_of(browse().get(page.url.removesuffix("/filed")))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_filing_without_csrf_token_is_refused_and_input_kept(browse: Browse) -> None:
    client = browse(enforce_csrf_checks=True)
    form = form_of(client)
    page = client.post("/file", {"form_id": form["form_id"], "words": WORDS})
    assert page.status_code == 403
    assert f"{WORDS}</textarea>" in text_of(page)
    assert not Appeal.objects.exists()
    again = client.post("/file", {**form, "words": WORDS})
    assert again.status_code == 302


@pytest.mark.parametrize("made_up", ["", "1", "1:forged", "x" * 500])
def test_invented_form_id_is_refused(browse: Browse, made_up: str) -> None:
    page = browse().post("/file", {"form_id": made_up, "words": WORDS})
    assert page.status_code == 403
    assert not Appeal.objects.exists()


def test_unknown_sticker_still_shows_the_filing_form(browse: Browse) -> None:
    page = browse().get("/p/nowhere")
    assert page.status_code == 404
    assert "没有认出这张贴纸" in text_of(page)
    assert "<textarea" in text_of(page)


def test_flood_from_one_address_is_rate_limited(browse: Browse, settings: Settings) -> None:
    settings.RATE_LIMITS = {"file": (2, 30.0)}
    client = browse()
    for turn in range(2):
        # The client's header is ignored: only the proxy in front decides who the sender is.
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


def test_form_id_of_another_browser_is_refused(browse: Browse) -> None:
    first, other = browse(), browse()
    form = form_of(first)
    filed = first.post("/file", {**form, "words": WORDS})
    assert filed.status_code == 302
    stolen = {**form_of(other), "form_id": form["form_id"], "words": "别人的话"}
    page = other.post("/file", stolen)
    assert page.status_code == 403
    assert Appeal.objects.get().token not in text_of(page)
    assert "别人的话</textarea>" in text_of(page)


def test_guessing_numbers_for_a_phone_is_rate_limited(browse: Browse) -> None:
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


def test_oversized_body_is_413_with_explanation(browse: Browse) -> None:
    page = browse().post("/file", {"words": WORDS}, CONTENT_LENGTH=str(2**40))
    assert page.status_code == 413
    assert "发来的内容太大" in text_of(page)


def test_location_words_set_the_area_only_when_certain(browse: Browse) -> None:
    file(browse(), where="福田街道")
    file(browse(), where="家门口")
    assert [appeal.area_id for appeal in Appeal.objects.order_by("id")] == ["330782008", None]


def test_sticker_qr_code_is_an_svg_without_styles(browse: Browse) -> None:
    page = browse().get("/p/xiuhu/qr.svg")
    assert page.headers["Content-Type"] == "image/svg+xml"
    assert b"style" not in page.content


def centre() -> tuple[float, float]:
    """A point in the grid of the sticker at Xiuhu."""
    area = Area.objects.get(pk="330782001004001")
    assert area.lon is not None
    assert area.lat is not None
    return area.lon, area.lat


def test_position_sets_area_unless_words_or_sticker_do(browse: Browse) -> None:
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
    # With a scanned sticker, the appeal is in the sticker's area.
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
def test_invalid_position_is_dropped_and_words_are_filed(
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


def test_json_filing_returns_the_tracking_address(browse: Browse) -> None:
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
