"""Pages of finders, families and the desk, and what attackers try on them."""

from __future__ import annotations

import re
import secrets
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from tests.cast import Cast
from tests.guardian.scanned import (
    ADDRESS,
    ADVICE,
    NAME,
    NICKNAME,
    Protected,
    a_report,
    make_tag,
    protect,
)
from tests.web.conftest import Browse, text_of
from yinghu.common.rate_limit import buckets
from yinghu.guardian import alerts, scans
from yinghu.guardian.models import Scan, ScanEntry, Tag
from yinghu.guardian.tag_codes import digest_of, guardian_token, new_numbers, scan_token, tag_code
from yinghu.notifications.guardian_alerts import tell_scan
from yinghu.notifications.models import Notification
from yinghu.people.access import protected_areas
from yinghu.people.models import Reveal
from yinghu.places.models import Area

PHONE_UA = "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/120 Mobile MicroMessenger/8.0"
FORM = re.compile(r'name="form" value="([^"]+)"')


@pytest.fixture
def finder(city: Cast) -> Client:
    """A stranger's phone."""
    return Client(headers={"user-agent": PHONE_UA})


def reported(person: Protected) -> int:
    return scans.report_by_code(person.code, a_report(words="在公园门口"))


def family(scan: int, person: Protected, at: int = 0) -> str:
    return f"/g/w/{guardian_token(scan, person.guardians[at].pk)}"


def test_the_page_says_how_to_help_in_two_languages(finder: Client) -> None:
    person = protect()
    said = text_of(finder.get(f"/g/{person.code}"))
    assert NICKNAME in said
    assert ADVICE in said
    assert "This person may be lost" in said
    english = text_of(finder.get(f"/g/{person.code}", headers={"accept-language": "en"}))
    assert "Speak slowly" in english
    assert ADVICE not in english
    assert not [each for each in (NAME, ADDRESS) if each in said]


def test_emergency_numbers_come_first_for_the_ill(finder: Client) -> None:
    well, ill = protect(), protect(is_ill=True)
    pages = [text_of(finder.get(f"/g/{person.code}")) for person in (well, ill)]
    assert [page.index("tel:120") < page.index(ADVICE) for page in pages] == [False, True]


def test_the_page_is_light(finder: Client) -> None:
    person = protect()
    with CaptureQueriesContext(connection) as queries:
        said = text_of(finder.get(f"/g/{person.code}"))
    assert "htmx" not in said
    assert "tabler" not in said
    assert len(said.encode()) < 8_000
    about_tags = [q["sql"] for q in queries if "guardian_" in q["sql"]]
    assert len(about_tags) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": "Mozilla/5.0 facebookexternalhit/1.1"},
        {"user-agent": "Slackbot-LinkExpanding 1.0"},
        {"user-agent": "Twitterbot/1.0"},
        {"user-agent": "Mozilla/5.0 (compatible; Baiduspider/2.0)"},
        {"user-agent": PHONE_UA, "purpose": "prefetch"},
        {"user-agent": PHONE_UA, "sec-purpose": "prefetch;prerender"},
        {"user-agent": ""},
    ],
)
def test_previews_count_nothing(city: Cast, headers: dict[str, str]) -> None:
    person = protect()
    assert Client(headers=headers).get(f"/g/{person.code}").status_code == 200
    assert Client(headers={"user-agent": PHONE_UA}).head(f"/g/{person.code}").status_code == 200
    assert not Scan.objects.exists()
    Client(headers={"user-agent": PHONE_UA}).get(f"/g/{person.code}")
    assert Scan.objects.count() == 1


def answer_of(client: Client, code: str) -> tuple[int, str, dict[str, str], int]:
    """Status, body, headers without what is random, echoed or a time, and queries about tags.

    Others are of the city's texts, which are read again every few seconds, whatever is asked.
    """
    with CaptureQueriesContext(connection) as queries:
        page = client.get(f"/g/{code}")
    body = text_of(page).replace(f"/g/{code}", "/g/CODE")
    body = re.sub(r'name="(form|csrfmiddlewaretoken)" value="[^"]+"', r'name="\1"', body)
    varied = ("Content-Length", "Expires")
    headers = {name: value for name, value in page.headers.items() if name not in varied}
    asked = len([each for each in queries if "guardian_" in each["sql"]])
    nonce = re.compile(r"nonce-[^']+")
    return page.status_code, body, {k: nonce.sub("", v) for k, v in headers.items()}, asked


def test_tags_that_are_not_active_cannot_be_told_apart(city: Cast) -> None:
    person = protect()
    states = [state for state in Tag.State if state is not Tag.State.ACTIVE]
    codes = [tag_code(make_tag(state, person.person).pk) for state in states]
    codes += [tag_code(make_tag(Tag.State.STOCK).pk), secrets.token_hex(12), "0"]
    codes.append(protect(state="ended").code)
    clients = [Client(headers={"user-agent": PHONE_UA}) for _code in codes]
    answers = [answer_of(client, code) for client, code in zip(clients, codes, strict=True)]
    assert answers == [answers[0]] * len(codes)
    posted = [
        client.post(f"/g/{code}", {"form": str(uuid4()), "words": "在公园"})
        for client, code in zip(clients, codes, strict=True)
    ]
    boards = [
        re.sub(r"value=\"[^\"]+\"", "", text_of(client.get(page["Location"])))
        for client, page in zip(clients, posted, strict=True)
    ]
    assert boards == [boards[0]] * len(codes)
    assert [page.status_code for page in posted] == [302] * len(codes)


def test_random_and_neighbouring_codes_hit_nothing(finder: Client) -> None:
    """Ten thousand codes by their digests, which is all that a page looks up, and 150 pages."""
    person = protect()
    near = {
        person.code[:at] + letter + person.code[at + 1 :]
        for at in range(len(person.code))
        for letter in "abcdefghijklmnopqrstuvwxyz234567"
    } - {person.code}
    tried = [*near, *(secrets.token_hex(12) for _each in range(10_000 - len(near)))]
    assert not Tag.objects.filter(digest__in=[digest_of(code) for code in tried]).exists()
    assert not [code for code in tried[:150] if NICKNAME in text_of(finder.get(f"/g/{code}"))]
    assert not Scan.objects.exists()


def test_a_number_shows_nothing_and_cannot_be_walked_through(finder: Client) -> None:
    person = protect()
    shown = text_of(finder.get("/g", {"number": person.tag.number}))
    assert NICKNAME not in shown
    assert not Scan.objects.exists()
    boards = []
    for number in (person.tag.number, new_numbers(1)[0], "12"):
        page = finder.post("/g", {"form": str(uuid4()), "number": number, "words": "在公园"})
        boards.append(re.sub(r"value=\"[^\"]+\"", "", text_of(finder.get(page["Location"]))))
    assert boards == [boards[0]] * 3
    assert Scan.objects.filter(person=person.person).count() == 1
    answers = [finder.post("/g", {"number": number}).status_code for number in new_numbers(30)]
    assert answers.count(429) == 13


def test_a_report_goes_to_the_board_and_back(finder: Client) -> None:
    person = protect()
    form = FORM.search(text_of(finder.get(f"/g/{person.code}")))
    assert form
    sent = {"form": form[1], "words": "在公园门口", "lon": "121.5", "lat": "29.3", "accuracy": "20"}
    first, second = (finder.post(f"/g/{person.code}", sent) for _each in range(2))
    assert first["Location"] == second["Location"]
    scan = Scan.objects.get()
    board = first["Location"]
    finder.post(board, {"form": str(uuid4()), "words": "我们坐在长椅上"})
    mother = Client()
    said = text_of(mother.get(family(scan.pk, person)))
    assert "我们坐在长椅上" in said
    assert "position=121.500000,29.300000" in said
    mother.post(family(scan.pk, person), {"act": "answer"})
    mother.post(
        family(scan.pk, person), {"act": "message", "form": str(uuid4()), "words": "十分钟到"}
    )
    seen = text_of(finder.get(board + "?part=board"))
    assert "十分钟到" in seen
    assert "已经有人回应" in seen
    mother.post(family(scan.pk, person), {"act": "end"})
    over = text_of(finder.get(board))
    assert "已经接到他了" in over
    assert "<textarea" not in over
    assert "refresh" not in over
    assert Scan.objects.get().state == "ended"


def test_neither_side_reads_names_or_numbers(finder: Client) -> None:
    person = protect()
    sent = {"form": str(uuid4()), "words": "在公园", "phone": "13811112222"}
    board = finder.post(f"/g/{person.code}", sent)["Location"]
    scan = Scan.objects.get()
    alerts.answer(scan.pk, guardian_id=person.guardians[0].pk)
    pages = text_of(finder.get(board)) + text_of(Client().get(family(scan.pk, person)))
    for secret in (NAME, ADDRESS, "13811112222", "+861390000", person.tag.number):
        assert secret not in pages


def test_a_second_finder_does_not_read_what_the_first_reported(finder: Client) -> None:
    person = protect()
    reported(person)
    sent = {"form": str(uuid4()), "words": "别处"}
    assert "在公园门口" not in text_of(
        finder.get(finder.post(f"/g/{person.code}", sent)["Location"])
    )


def test_tokens_of_others_open_nothing(finder: Client) -> None:
    one, other = protect(), protect()
    scan, second = reported(one), reported(other)
    stranger = other.guardians[0].pk
    wrong = [
        f"/g/s/{scan}-{scan_token(second).partition('-')[2]}",
        f"/g/s/{scan}",
        f"/g/s/{scan}-",
        f"/g/s/{guardian_token(scan, one.guardians[0].pk)}",
        # The right secret of a guardian of somebody else.
        f"/g/w/{guardian_token(scan, stranger)}",
        f"/g/w/{scan}-{guardian_token(second, stranger).partition('-')[2]}",
        f"/g/w/{scan_token(scan)}",
    ]
    assert [finder.get(address).status_code for address in wrong] == [404] * len(wrong)
    assert [finder.post(address, {"act": "end"}).status_code for address in wrong] == [404] * len(
        wrong
    )


def test_a_guardian_who_left_has_no_page(finder: Client) -> None:
    person = protect()
    address = family(reported(person), person)
    assert finder.get(address).status_code == 200
    person.guardians[0].active = False
    person.guardians[0].save()
    assert finder.get(address).status_code == 404


def test_a_photo_is_made_anew_and_sealed_and_shown_to_the_family(finder: Client) -> None:

    person = protect()
    exif, picture = Image.Exif(), BytesIO()
    exif[0x010E] = "secret place"
    Image.new("RGB", (60, 40), "red").save(picture, "JPEG", exif=exif)
    photo = SimpleUploadedFile("x.jpg", picture.getvalue(), "image/jpeg")
    finder.post(f"/g/{person.code}", {"form": str(uuid4()), "photo": photo})
    scan, entry = Scan.objects.get(), ScanEntry.objects.get(kind="report")
    got = finder.get(f"{family(scan.pk, person)}/photo/{entry.pk}")
    assert got.content.startswith(b"\xff\xd8")
    assert b"secret place" not in got.content
    assert bytes(entry.photo)[:2] != b"\xff\xd8"
    assert finder.get(f"/g/s/{scan_token(scan.pk)}/photo/{entry.pk}").status_code == 404


def test_a_broken_photo_does_not_stop_the_report(finder: Client) -> None:

    person = protect()
    photo = SimpleUploadedFile("x.jpg", b"no photo", "image/jpeg")
    page = finder.post(f"/g/{person.code}", {"form": str(uuid4()), "photo": photo}, follow=True)
    assert "照片打不开" in text_of(page)
    assert Scan.objects.get().state == "reported"


def test_the_desk_lists_open_scans_first_and_every_look_is_logged(browse: Browse) -> None:
    person = protect()
    ended, scan = reported(person), 0
    alerts.end(ended)
    scan = reported(person)
    operator = browse("operator")
    said = text_of(operator.get("/desk/guardian/scans"))
    assert said.index(f"scan-{scan}") < said.index(f"scan-{ended}")
    assert not Reveal.objects.filter(protected=person.person.pk).exists()
    for _each in range(2):
        assert "在公园门口" in text_of(operator.get(f"/desk/guardian/scans/{scan}"))
    assert Reveal.objects.filter(protected=person.person.pk, why=f"scan {scan}").count() == 1
    operator.post(f"/desk/guardian/scans/{scan}", {"act": "answer"})
    operator.post(
        f"/desk/guardian/scans/{scan}",
        {"act": "message", "form": str(uuid4()), "words": "民警去了"},
    )
    assert "民警去了" in text_of(Client().get(family(scan, person)))
    operator.post(f"/desk/guardian/scans/{scan}", {"act": "end"})
    assert Scan.objects.get(pk=scan).state == "ended"


def test_the_desk_reports_for_a_caller_by_the_short_number(browse: Browse) -> None:
    person, operator = protect(), browse("operator")
    number = person.tag.number
    assert "使用中" in text_of(operator.get("/desk/guardian/scans", {"number": number}))
    assert "号码不对" in text_of(operator.get("/desk/guardian/scans", {"number": "123"}))
    given = {"form": str(uuid4()), "number": number, "words": "在桥头", "phone": "13811112222"}
    page = operator.post("/desk/guardian/scans/report", given, follow=True)
    assert "13811112222" in text_of(page)
    assert Scan.objects.get().person == person.person


@pytest.mark.parametrize("login", ["volunteer", "milk-handler"])
def test_others_have_no_desk_of_scans(browse: Browse, login: str) -> None:
    scan = reported(protect())
    client = browse(login)
    for address in ("/desk/guardian/scans", f"/desk/guardian/scans/{scan}"):
        assert client.get(address).status_code == 403


def test_a_town_reads_only_its_own_scans(browse: Browse, city: Cast) -> None:

    own = protected_areas(city.town_head)
    away = Area.objects.filter(level=3).exclude(code__startswith=own[0]).first()
    scan = reported(protect(area=away))
    head = browse("town-head")
    assert head.get(f"/desk/guardian/scans/{scan}").status_code == 404
    assert f"scan-{scan}" not in text_of(head.get("/desk/guardian/scans"))


def test_a_notice_of_a_scan_opens_it(browse: Browse, city: Cast) -> None:

    scan = scans.report_by_number("", a_report())
    tell_scan(scan, 1)
    notice = Notification.objects.get(user=city.operator.user_id, subject_id=scan)
    operator = browse("operator")
    assert "还没有人回应" in text_of(operator.get("/desk/notices"))
    assert operator.get(f"/desk/notices/{notice.pk}")["Location"] == f"/desk/guardian/scans/{scan}"


def test_too_many_reports_are_refused_with_the_emergency_numbers(finder: Client) -> None:
    buckets.clear()
    pages: list[Any] = [finder.post("/g/none", {"form": str(uuid4())}) for _each in range(21)]
    assert pages[-1].status_code == 429
    assert "tel:120" in text_of(pages[-1])
