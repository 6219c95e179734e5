"""The demo city: areas, sticker places, categories, limits, units, rules, and a small cast.

All of it is data beside this file. Loading twice changes nothing. Nobody of the cast has a
password: they are logged in by one click, which exists in demo mode only (`config/environment.py`).
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from yinghu.appeals import loop
from yinghu.appeals.models import Category, ClockLimit, ReplyTemplate
from yinghu.appeals.states import Satisfaction
from yinghu.common.phones import normal_phone
from yinghu.common.sealing import blind, seal
from yinghu.common.table_reader import BadFile
from yinghu.dispatch.models import ErrandTemplate, FixedHelper, RoutingRule
from yinghu.intake.receive import Incoming, receive_many
from yinghu.people.access import Actor, actor_of, requester_of
from yinghu.people.models import Post, Role, Skill, Unit, User, Volunteer
from yinghu.places.calendar import lay_out
from yinghu.places.importing import (
    import_aliases,
    import_areas,
    import_outlines,
    import_places,
)
from yinghu.places.models import Place, Zone

HERE = Path(__file__).resolve().parent
_STAGES = ("filed", "assigned", "handling", "resolved", "closed")


def load() -> bool:
    """Load the demo city into an empty database; False where there already are logins."""
    with transaction.atomic():
        if User.objects.exists():
            return False
        load_city()
        load_people()
    return True


def load_city() -> None:
    """Areas, places, categories, limits, units and rules, without any login."""
    for load, name in (
        (import_areas, "areas.csv"),
        (import_outlines, "outlines.geojson"),
        (import_aliases, "aliases.csv"),
        (import_places, "places.csv"),
    ):
        rejects = load(HERE / name).rejects
        if rejects:
            raise BadFile(f"{name}, line {rejects[0].line}: {rejects[0].reason}")
    load_categories(HERE / "categories.csv")
    for row in _rows("limits.csv"):
        ClockLimit.objects.get_or_create(
            kind=row["kind"],
            urgency=int(row["urgency"]),
            category_id=row["category"] or None,
            defaults={"minutes": int(row["minutes"])},
        )
    for row in _rows("units.csv"):
        Unit.objects.get_or_create(
            code=row["code"],
            defaults={
                "name": row["name"],
                "name_en": row["name_en"],
                "kind": row["kind"],
                "area_id": row["area"] or None,
            },
        )
    for row in _rows("categories.csv"):
        if row["department"]:
            department = Unit.objects.get(code=row["department"])
            Category.objects.filter(pk=row["code"], department=None).update(department=department)
    lay_out()
    for row in _rows("rules.csv"):
        RoutingRule.objects.get_or_create(
            order=int(row["order"]),
            defaults={
                "unit": Unit.objects.get(code=row["unit"]),
                **{k: row[k] for k in ("category", "klass", "area", "channel", "field", "value")},
            },
        )
    for row in _rows("templates.csv"):
        ReplyTemplate.objects.get_or_create(
            verb=row["verb"],
            name=row["name"],
            defaults={
                "words": row["words"],
                "category": row["category"],
                "unit": Unit.objects.get(code=row["unit"]) if row["unit"] else None,
                "order": int(row["order"]),
            },
        )

    _load_errands()


def _load_errands() -> None:
    """Skills, zones, and by which legs what is usually served."""
    for row in _rows("skills.csv"):
        Skill.objects.get_or_create(
            code=row["code"],
            defaults={
                "name": row["name"],
                "name_en": row["name_en"],
                "order": int(row["order"]),
            },
        )
    for row in _rows("zones.csv"):
        Zone.objects.get_or_create(
            code=row["code"],
            defaults={
                **{k: row[k] for k in ("name", "name_en", "status", "entry", "skill", "gate")},
                "areas": _several(row["areas"]),
                "gate_lon": float(row["lon"]),
                "gate_lat": float(row["lat"]),
            },
        )
    for row in _rows("errand_templates.csv"):
        ErrandTemplate.objects.get_or_create(
            category_id=row["category"],
            name=row["name"],
            defaults={
                "auto": row["auto"] == "1",
                "order": int(row["order"]),
                "words": row["words"],
                "legs": json.loads(row["legs"]),
            },
        )


def load_categories(path: Path) -> None:
    """Categories from a CSV of code,name,name_en,klass,icon,order,questions (JSON)."""
    for row in _rows(path):
        Category.objects.get_or_create(
            code=row["code"],
            defaults={
                "name": row["name"],
                "name_en": row["name_en"],
                "klass": row["klass"],
                "icon": row["icon"],
                "order": int(row["order"]),
                "questions": json.loads(row["questions"] or "[]"),
            },
        )


def load_people() -> None:
    """The cast, with their posts."""
    for row in _rows("people.csv"):
        user, new = User.objects.get_or_create(
            username=row["username"], defaults={"display_name": row["display_name"]}
        )
        if new:
            user.set_unusable_password()
            user.save()
        Post.objects.get_or_create(
            user=user,
            unit=Unit.objects.get(code=row["unit"]),
            role=row["role"],
            area_id=row["area"] or None,
        )
    for row in _rows("volunteers.csv"):
        _load_volunteer(row)
    for row in _rows("fixed_helpers.csv"):
        FixedHelper.objects.get_or_create(
            unit=Unit.objects.get(code=row["unit"]),
            kind=row["kind"],
            user=User.objects.get(username=row["user"]),
            place=Place.objects.get(code=row["place"]) if row["place"] else None,
        )


def _load_volunteer(row: dict[str, str]) -> None:
    """One of the cast as a volunteer who was taken in; `hours` are those of every day."""
    user = User.objects.get(username=row["username"])
    phone, now = normal_phone(row["phone"]), timezone.now()
    first, last = map(int, row["hours"].split("-"))
    Volunteer.objects.get_or_create(
        user=user,
        defaults={
            "squad": Unit.objects.get(code=row["squad"]),
            "state": Volunteer.State.ACTIVE,
            "name": seal(row["name"]),
            "phone": seal(phone),
            "caller": blind(phone),
            **{k: _several(row[k]) for k in ("skills", "areas", "zones")},
            "inside": row["inside"],
            "hours": [day * 24 + hour for day in range(7) for hour in range(first, last)],
            "lon": float(row["lon"]),
            "lat": float(row["lat"]),
            "located_at": now,
            "consented_at": now,
            "trained_at": now,
            "decided_at": now,
        },
    )


def _several(cell: str) -> list[str]:
    return [each for each in cell.split("|") if each]


def load_appeals() -> int:
    """File the demo's appeals, invented like everything in them, and move some along the loop.

    They come in as messages, so a second call files nothing; the number of new ones.
    """
    places = {place.name: place for place in Place.objects.select_related("area")}
    rows = list(_rows("appeals.csv"))
    received = receive_many(
        [_incoming(n, row, places) for n, row in enumerate(rows)], Actor("requester")
    )
    for row, made in zip(rows, received, strict=True):
        if made.new:
            _move_along(made.appeal_id, row)
    return sum(made.new for made in received)


def _incoming(line: int, row: dict[str, str], places: dict[str, Place]) -> Incoming:
    place = places[row["place"]] if row["place"] else None
    filing = loop.Filing(
        body=row["body"],
        channel="web",
        name=row["name"],
        phone=normal_phone(row["phone"]),
        category=row["category"] or None,
        place=place.pk if place else None,
        area=place.area_id if place else None,
        answers=json.loads(row["answers"]),
    )
    return Incoming(f"demo-{line}", json.dumps(row, ensure_ascii=False).encode(), filing)


def _move_along(appeal_id: int, row: dict[str, str]) -> None:
    """The cast does what brings the appeal to the row's stage."""
    reached = _STAGES.index(row["stage"])
    if reached == 0:
        return
    clerk, dispatcher = (_actor(role=role) for role in (Role.CLERK, Role.DISPATCHER))
    holder = _actor(role__in=(Role.HANDLER, Role.HEAD), unit__code=row["unit"])
    loop.sort(appeal_id, clerk, category=row["category_sorted"])
    loop.assign(appeal_id, dispatcher, unit=row["unit"])
    if reached >= _STAGES.index("handling"):
        loop.accept(appeal_id, holder)
        loop.report(appeal_id, holder, words=row["words"])
    if reached >= _STAGES.index("resolved"):
        loop.resolve(appeal_id, holder, words=row["words"])
    if row["stage"] == "closed":
        me = requester_of(appeal_id)
        loop.rate(appeal_id, me, solved=True, satisfaction=Satisfaction.SATISFIED)
        loop.close(appeal_id, clerk)


def _actor(**post: object) -> Actor:
    """The first of the cast with such a post."""
    return actor_of(
        User.objects.filter(**{f"posts__{k}": v for k, v in post.items()}).order_by("pk")[0]
    )


def logins() -> list[tuple[str, str]]:
    """(username, what they are) of the cast, for the start page and the console."""
    first: dict[str, str] = {}
    for row in _rows("people.csv"):
        first.setdefault(row["username"], f"{row['display_name']} · {Role(row['role']).label}")
    return list(first.items())


def _rows(path: str | Path) -> Iterator[dict[str, str]]:
    with open(HERE / path, encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
