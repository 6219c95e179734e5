"""Pages for those who hand out strips: batches, their downloads, sewing on, one tag."""

from __future__ import annotations

import csv
import io

import pypdfium2
import pytest
import zxingcpp
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.cast import Cast, cast
from tests.guardian.protected import batch_of, protected_person, strips_of
from tests.web.conftest import Browse, text_of
from yinghu.guardian import batches, strips, tag_actions
from yinghu.guardian.models import Tag, TagBatch, TagEvent
from yinghu.guardian.tag_codes import format_number, new_numbers, tag_code
from yinghu.people.models import Change

OTHERS = ("milk-handler", "volunteer", "care-head", "clerk", "urban-handler")
"""Logins without the desk."""


@pytest.fixture
def city(db: None) -> Cast:
    return cast()


def sew(client: Client, person: int, **given: str) -> tuple[int, str]:
    """Send the form of a strip; return the status, and the page that follows."""
    answer = client.post(f"/desk/guardian/activate?person={person}", given)
    followed = client.get(answer["Location"]) if answer.status_code == 302 else answer
    return answer.status_code, text_of(followed)


def test_a_town_makes_a_batch_and_takes_it_to_the_printer(browse: Browse) -> None:
    client = browse("town-head")
    page = text_of(client.get("/desk/guardian/batch/new"))
    assert "330782008" in page
    assert "街道" in page
    given = {
        "name": "第一批",
        "count": "40",
        "area": "330782008",
        "office": "福田街道",
        "hotline": "0579-85120000",
        "donor": "爱心企业",
    }
    wrong = client.post("/desk/guardian/batch/new", given | {"count": "10001", "office": ""})
    assert wrong.status_code == 422
    foreign = client.post("/desk/guardian/batch/new", given | {"area": "330782100"})
    assert (foreign.status_code, "请选您负责的" in text_of(foreign)) == (422, True)
    assert not TagBatch.objects.exists()
    made = client.post("/desk/guardian/batch/new", given)
    batch = TagBatch.objects.get()
    assert made["Location"] == f"/desk/guardian/batch/{batch.pk}"
    assert "40" in text_of(client.get(made["Location"]))

    sheets = client.post(f"/desk/guardian/batch/{batch.pk}/sheets/1")
    assert (sheets.status_code, sheets["Content-Type"]) == (200, "application/pdf")
    assert "no-store" in sheets["Cache-Control"]
    image = pypdfium2.PdfDocument(sheets.content)[0].render(scale=3).to_pil()
    assert len(zxingcpp.read_barcodes(image)) == 33
    table = client.post(f"/desk/guardian/batch/{batch.pk}/addresses")
    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert rows[0] == ["编号", "地址"]
    assert [row[1] for row in rows[1:]] == [strips.tag_address(t.pk) for t in strips_of(batch)]
    said = Change.objects.filter(kind=batches.HISTORY_KIND, after__has_key="download")
    assert [change.after["download"] for change in said.order_by("pk")] == [
        f"strips-{batch.pk}-1-40.pdf",
        f"strips-{batch.pk}.csv",
    ]
    assert f"strips-{batch.pk}.csv" in text_of(client.get(made["Location"]))
    assert client.post(f"/desk/guardian/batch/{batch.pk}/sheets/2").status_code == 404

    assert "下载了地址" in text_of(browse("admin").get("/setup/history"))

    for step, holder in (("printed", ""), ("received", ""), ("handed", "grid-futian")):
        done = client.post(f"/desk/guardian/batch/{batch.pk}/mark/{step}", {"holder": holder})
        assert done.status_code == 302, step
    again = client.post(f"/desk/guardian/batch/{batch.pk}/mark/printed")
    assert again.status_code == 409
    refused = client.post(f"/desk/guardian/batch/{batch.pk}/mark/handed", {"holder": "volunteer"})
    assert refused.status_code == 422
    listed = text_of(browse("grid-futian").get("/desk/guardian"))
    assert "第一批" in listed
    assert "爱心企业" in listed


def test_addresses_go_to_who_made_the_batch_and_administrators_only(browse: Browse) -> None:
    batch = batch_of(2, holder="grid-futian")
    paths = [f"/desk/guardian/batch/{batch.pk}/{name}" for name in ("sheets/1", "addresses")]
    for username, status in (
        ("grid-futian", 403),
        ("grid-worker", 403),
        ("dispatcher", 403),
        ("fotang-head", 404),
        *((name, 403) for name in OTHERS),
    ):
        client = browse(username)
        for path in paths:
            assert client.post(path).status_code == status, (username, path)
            assert client.get(path).status_code in (403, 405), (username, path)
        page = client.get(f"/desk/guardian/batch/{batch.pk}")
        assert "addresses" not in text_of(page), username
    assert not Change.objects.filter(after__has_key="download").exists()
    admin = browse("admin")
    assert [admin.post(path).status_code for path in paths] == [200, 200]
    assert Change.objects.filter(after__has_key="download").count() == 2


def test_logins_without_the_desk_reach_none_of_its_pages(browse: Browse) -> None:
    batch, person = batch_of(1), protected_person()
    (tag,) = strips_of(batch)
    paths = [
        "/desk/guardian",
        "/desk/guardian/batch/new",
        f"/desk/guardian/batch/{batch.pk}",
        f"/desk/guardian/activate?person={person.pk}",
        f"/desk/guardian/activate/{tag_code(tag.pk)}",
        f"/desk/guardian/tag?q={tag.number}",
        f"/desk/guardian/tag/{tag.number}",
    ]
    for username in OTHERS:
        client = browse(username)
        assert [client.get(path).status_code for path in paths] == [403] * len(paths), username
        given = {"number": tag.number, "garment": "外套"}
        assert client.post(paths[3], given).status_code == 403
        assert client.post(f"{paths[-1]}/retire").status_code == 403
        assert 'href="/desk/guardian"' not in text_of(client.get("/"))
    strangers = browse()
    assert [strangers.get(path).status_code for path in paths] == [302] * len(paths)
    assert 'href="/desk/guardian"' in text_of(browse("grid-worker").get("/desk/guardian"))
    tag.refresh_from_db()
    assert tag.state == Tag.State.STOCK


def test_a_grid_worker_sews_on_one_strip_after_the_other(browse: Browse) -> None:
    client, person = browse("grid-worker"), protected_person()
    one, two, three = strips_of(batch_of(3))
    assert f"person={person.pk}" in text_of(client.get("/desk/guardian/activate"))
    spaced = format_number(one.number)
    status, page = sew(client, person.pk, number=spaced, garment="外套")
    assert (status, "第 1 条：外套" in page) == (302, True)
    # A scan puts the whole address into the field.
    status, page = sew(client, person.pk, number=strips.tag_address(two.pk), garment="裤子")
    assert (status, "第 2 条：裤子" in page) == (302, True)
    assert page.index("第 2 条：裤子") < page.index("第 1 条：外套")
    # A scanned address opens the form with the number that is on the strip.
    scanned = text_of(
        client.get(f"/desk/guardian/activate/{tag_code(three.pk)}?person={person.pk}")
    )
    assert format_number(three.number) in scanned
    for number, said in (
        (one.number, "已经缝好了：外套"),
        ("123456780", "没有编号是"),
        ("", "必填项"),
    ):
        status, page = sew(client, person.pk, number=number, garment="帽子")
        assert status in (409, 422)
        assert said in page or not number
    status, page = sew(client, person.pk, number=three.number, garment="")
    assert status == 422
    assert format_number(three.number) in page or three.number in page
    assert [tag.garment for tag in tag_actions.worn_tags(person.pk)] == ["外套", "裤子"]


def test_strips_that_were_sewn_on_before_are_noted_as_a_list(browse: Browse) -> None:
    client, person = browse("grid-worker"), protected_person()
    tags = strips_of(batch_of(3))
    lines = [f"{format_number(tag.number)} 外套{n}" for n, tag in enumerate(tags)]
    for wrong in ([*lines, "外套"], [*lines, tags[0].number], [lines[0], lines[0]], lines * 11):
        status, page = sew(client, person.pk, lines="\n".join(wrong))
        assert status == 422
        assert lines[0] in page
    assert not TagEvent.objects.exists()
    status, page = sew(client, person.pk, lines="\r\n".join(["", *lines]))
    assert (status, "记下了 3 条，一共 3 条" in page) == (302, True)
    assert [tag.garment for tag in tag_actions.worn_tags(person.pk)] == ["外套0", "外套1", "外套2"]


def test_nobody_sews_for_people_of_another_place(browse: Browse) -> None:
    (tag,) = strips_of(batch_of(1))
    here, grid = protected_person(), protected_person(area="330782008001003", nickname="阿公")
    for username, person in (
        ("fotang-head", here),
        ("fotang-head", grid),
        ("grid-futian", here),
        ("admin", here),
    ):
        client = browse(username)
        status, page = sew(client, person.pk, number=tag.number, garment="外套")
        assert status == 404, username
        assert person.nickname not in page
        assert client.get(f"/desk/guardian/activate?person={person.pk}").status_code == 404
        assert person.nickname not in text_of(client.get("/desk/guardian/activate"))
    for odd in ("0", "x", "9" * 30, "-1", "１"):
        assert browse("grid-worker").get(f"/desk/guardian/activate?person={odd}").status_code == 404
    assert not TagEvent.objects.exists()
    assert sew(browse("grid-futian"), grid.pk, number=tag.number, garment="外套")[0] == 302


def test_a_tag_is_opened_by_its_number_and_ended_step_by_step(browse: Browse) -> None:
    client, person = browse("grid-worker"), protected_person()
    one, two = strips_of(batch_of(2))
    tag_actions.activate(one.pk, person.pk, cast().town_head, "红棉袄")
    found = client.get("/desk/guardian/tag", {"q": format_number(one.number)})
    assert found["Location"] == reverse("guardian_tag", args=[one.number])
    page = text_of(client.get(found["Location"]))
    assert "红棉袄" in page
    assert "街道老方" in page
    for step, state in (
        ("test", "active"),
        ("suspend", "suspended"),
        ("resume", "active"),
        ("lose", "lost"),
    ):
        assert client.post(f"{found['Location']}/{step}")["Location"] == found["Location"], step
        one.refresh_from_db()
        assert one.state == state
    late = client.post(f"{found['Location']}/suspend")
    assert (late.status_code, "可能别人刚刚改过" in text_of(late)) == (409, True)
    assert client.post(f"{found['Location']}/replace", {"number": "1"}).status_code == 422
    new = client.post(f"{found['Location']}/replace", {"number": two.number})
    assert new["Location"] == reverse("guardian_tag", args=[two.number])
    assert "红棉袄" in text_of(client.get(new["Location"]))
    assert client.post(f"{new['Location']}/retire").status_code == 302
    assert client.post(f"{new['Location']}/revive").status_code == 404


def test_a_number_of_another_place_is_as_unknown_as_any_other(
    browse: Browse, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"strip": (4, 60.0)}
    (tag,) = strips_of(batch_of(1))
    person = protected_person()
    tag_actions.activate(tag.pk, person.pk, cast().town_head, "红棉袄")
    client = browse("fotang-head")
    answers = []
    for number in (tag.number, new_numbers(1, [tag.number])[0]):
        assert client.get(f"/desk/guardian/tag/{number}").status_code == 404
        assert client.post(f"/desk/guardian/tag/{number}/retire").status_code == 404
        assert client.get(f"/desk/guardian/tag?q={number}")["Location"] == "/desk/guardian"
        said = text_of(client.get("/desk/guardian")).split('id="messages"')[1].split("</div>")[0]
        assert number in said
        answers.append(said.replace(number, ""))
    assert answers[0] == answers[1]
    wrong = [client.get(f"/desk/guardian/tag?q={n}") for n in range(3)]
    assert {answer.status_code for answer in wrong} == {302}
    assert "试得太多了" in text_of(client.get("/desk/guardian"))


def test_old_and_odd_addresses_of_batches_are_not_found(browse: Browse) -> None:
    batch = batch_of(1)
    assert browse("fotang-head").get(f"/desk/guardian/batch/{batch.pk}").status_code == 404
    client = browse("town-head")
    assert client.get("/desk/guardian/batch/999999999").status_code == 404
    assert client.post(f"/desk/guardian/batch/{batch.pk}/mark/posted").status_code == 404
    assert browse("grid-worker").post(
        f"/desk/guardian/batch/{batch.pk}/mark/printed"
    ).status_code in (302, 403)
