"""Every door for every login: who may not see a case reads nothing of it and changes nothing.

What each login may do is asked of `people.access`; `tests/appeals/test_moves.py` compares that with
the table of verbs. Here it is compared with what the pages and the API do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from django.db.models import Count
from django.test import Client

from tests.addresses import fill, parts_of, routes
from tests.appeals.test_moves import OF_CASES
from tests.cast import Cast, cast, file_one, taken_milk
from tests.sessions import log_client_in
from yinghu.appeals.models import Appeal, Attachment
from yinghu.appeals.numbers import track_token
from yinghu.people.access import Actor, actor_of, desks_of, may_reveal, may_see, relations
from yinghu.people.models import User
from yinghu.site.methods import methods_of
from yinghu.web.citizen.views import SAYS

WORDS, PHONE = "密语甲乙丙", "13700009876"


@pytest.fixture
def city(db: None) -> Cast:
    return cast()


@pytest.fixture
def cases(city: Cast) -> list[Appeal]:
    """One case in hand, one that nobody has sorted in another town, one that is over."""
    held = taken_milk(city)
    Appeal.objects.filter(pk=held.pk).update(body=WORDS)
    given = {"phone": PHONE, "area": "330782100"}
    filed, over = file_one(WORDS, **given), file_one(WORDS, **given)
    Appeal.objects.filter(pk=over.pk).update(status="closed")
    for case in (held, filed, over):
        event = case.events.first()
        Attachment.objects.create(
            appeal=case, event=event, file=f"aa/{case.pk}.jpg", width=1, height=1, bytes=1
        )
    return [Appeal.objects.get(pk=case.pk) for case in (held, filed, over)]


def logins(cases: list[Appeal]) -> Iterator[tuple[Actor, Client]]:
    """One login for each set of relations and desks."""
    known = set()
    for user in User.objects.filter(is_active=True).order_by("pk"):
        actor = actor_of(user)
        can = tuple((relations(actor, case), may_see(actor, case)) for case in cases)
        if (key := (can, desks_of(actor))) not in known:
            known.add(key)
            client = Client()
            log_client_in(client, user)
            yield actor, client


def of_a_case(case: Appeal) -> dict[str, object]:
    photo = Attachment.objects.filter(appeal=case).values_list("pk", flat=True).get()
    return {"number": case.number, "photo_id": photo, "photo": photo, "verb": "note"}


def test_who_may_not_see_a_case_reads_nothing_of_it(cases: list[Appeal]) -> None:
    addresses = [
        template
        for template, view in routes()
        if "GET" in (methods_of(view) or ())
        and not template.startswith(("/static", "/accounts", "/metrics"))
    ]
    about = [each for each in addresses if {"number", "photo_id"} & {n for _k, n in parts_of(each)}]
    desks = ("/desk", "/field", "/api/v1/appeals")
    lists = [each for each in addresses if not parts_of(each) and each.startswith(desks)]
    assert len(about) >= 8
    assert len(lists) > 20
    read = 0
    for turn, (actor, client) in enumerate(logins(cases)):
        # In turn, so that a run costs seconds: each address is tried by half of the logins.
        for place, case in enumerate(cases):
            if may_see(actor, case):
                continue
            for template in about[(turn + place) % 2 :: 2]:
                page = client.get(fill(template, **of_a_case(case)))
                assert page.status_code in {302, 403, 404, 405}, (str(actor), template)
                assert WORDS not in page.content.decode(), (str(actor), template)
                read += 1
        for template in lists[turn % 2 :: 2]:
            page = client.get(template, {"q": WORDS})
            if page.streaming:
                continue
            text = page.content.decode(errors="replace")
            for case in cases:
                if not may_see(actor, case):
                    assert f">{case.number}<" not in text, (str(actor), template)
                if not may_reveal(actor, case):
                    assert PHONE not in text, (str(actor), template)
            read += 1
    assert read > 150


def test_who_may_not_do_a_verb_changes_nothing_at_any_door(cases: list[Appeal]) -> None:
    def state() -> list[object]:
        rows = Appeal.objects.annotate(events_of=Count("events")).order_by("pk")
        return list(rows.values_list("pk", "version", "status", "unit", "holder", "events_of"))

    before = state()
    tried = 0
    # In turn, so that a run costs seconds.
    doors = itertools.cycle(
        ("/desk/case/{}/{}", "/field/{}/{}", "/api/v1/appeals/{}/{}", "/desk/case/{}/{}")
    )
    given = {"words": "不该写进去", "why": "不该写进去", "category": "food", "unit": "food"}
    for turn, (actor, client) in enumerate(logins(cases)):
        for number, verb in enumerate(OF_CASES[turn % 2 :: 2]):
            forbidden = [case for case in cases if not relations(actor, case) & verb.who]
            if not forbidden:
                continue
            case = forbidden[number % len(forbidden)]
            door = next(doors).format(case.number, verb.name)
            page = client.post(door, {**given, "version": case.version})
            assert 400 <= page.status_code < 500, (str(actor), door, page.status_code)
            tried += 1
    assert state() == before
    assert tried > 200


def test_link_of_one_case_does_nothing_to_another(cases: list[Appeal]) -> None:
    held, filed, _over = cases
    stranger = Client()
    token = track_token(held.pk)
    of_other = f"{filed.pk}{token[len(str(held.pk)) :]}"
    forged = [of_other, token[:-1] + "x", token.upper(), f"{token}x"]
    before = list(Appeal.objects.order_by("pk").values_list("version", flat=True))
    for wrong in forged:
        assert stranger.get(f"/t/{wrong}").status_code == 404
        for verb in OF_CASES:
            assert stranger.post(f"/t/{wrong}/{verb.name}", {"words": "x"}).status_code == 404
    for verb in set(OF_CASES) - set(SAYS):
        assert stranger.post(f"/t/{token}/{verb.name}", {"words": "x"}).status_code == 404
    assert list(Appeal.objects.order_by("pk").values_list("version", flat=True)) == before
