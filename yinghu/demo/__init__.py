"""Loader of the demo city: areas, places, categories, limits, units, rules and a small cast.

The data lies beside this file. Loading twice changes nothing. The cast has no passwords: they log
in by one click, in demo mode only (`config/environment.py`).
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from yinghu.administration import tables
from yinghu.administration.registry import TYPES
from yinghu.appeals import actions, closing_actions, filing, handling_actions
from yinghu.appeals.states import Satisfaction
from yinghu.common.privacy.phones import normal_phone
from yinghu.common.privacy.sealing import blind, seal
from yinghu.common.tables.table_reader import BadFile
from yinghu.intake.receive import Incoming, receive_many
from yinghu.people.access import Actor, actor_of, requester_of
from yinghu.people.models import Role, Unit, User, Volunteer
from yinghu.places import locate
from yinghu.places.calendar import lay_out
from yinghu.places.importing import import_outlines
from yinghu.places.models import Place

HERE = Path(__file__).resolve().parent
_STAGES = ("filed", "assigned", "handling", "resolved", "closed")


def load() -> bool:
    """Load the demo city into an empty database; returns False if there are logins."""
    with transaction.atomic():
        if User.objects.exists():
            return False
        load_city()
        load_people()
    return True


_CITY = {
    "place": "places.csv",
    "unit": "units.csv",
    "category": "categories.csv",
    "limit": "limits.csv",
    "rule": "rules.csv",
    "reply": "templates.csv",
    "skill": "skills.csv",
    "zone": "zones.csv",
    "errand": "errand_templates.csv",
}
"""Files by configuration type, with the columns of its CSV export."""


def load_city() -> None:
    """Load everything but logins."""
    _load("area", _rows("areas.csv"))
    # The next rows name areas that are not committed yet.
    locate.refresh_areas()
    if rejects := import_outlines(HERE / "outlines.geojson").rejects:
        raise BadFile(f"outlines.geojson, {rejects[0].line}: {rejects[0].reason}")
    for name, file in _CITY.items():
        _load(name, _rows(file))
    lay_out()


def _load(name: str, rows: Iterable[dict[str, str]]) -> None:
    plan = tables.import_new(TYPES[name], None, rows)
    if refused := plan.of("refused"):
        raise BadFile(f"{name}, line {refused[0].number}: {' '.join(refused[0].why)}")


def starter_rows() -> dict[str, list[dict[str, str]]]:
    """Return rows by configuration type that a new city can start with: those that need no unit."""
    return {
        "category": [row | {"department": ""} for row in _rows("categories.csv")],
        "limit": list(_rows("limits.csv")),
        "reply": [row for row in _rows("templates.csv") if not row["unit"]],
    }


def load_people() -> None:
    """Load the cast, with their posts."""
    people = list(_rows("people.csv"))
    logins = {row["username"]: row for row in people}
    _load("user", logins.values())
    _load("post", (row | {"user": row["username"]} for row in people))
    for row in _rows("volunteers.csv"):
        _load_volunteer(row)
    _load("helper", _rows("fixed_helpers.csv"))


def _load_volunteer(row: dict[str, str]) -> None:
    """Make one of the cast an active volunteer; `hours` apply to every day."""
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
            **{k: list(filter(None, row[k].split("|"))) for k in ("skills", "areas", "zones")},
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


def load_appeals() -> int:
    """File the demo's invented appeals, once, and move some along; returns the number filed."""
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
    one = filing.Filing(
        body=row["body"],
        channel="web",
        name=row["name"],
        phone=normal_phone(row["phone"]),
        category=row["category"] or None,
        place=place.pk if place else None,
        area=place.area_id if place else None,
        answers=json.loads(row["answers"]),
    )
    return Incoming(f"demo-{line}", json.dumps(row, ensure_ascii=False).encode(), one)


def _move_along(appeal_id: int, row: dict[str, str]) -> None:
    reached = _STAGES.index(row["stage"])
    if reached == 0:
        return
    clerk, dispatcher = (_actor(role=role) for role in (Role.CLERK, Role.DISPATCHER))
    holder = _actor(role__in=(Role.HANDLER, Role.HEAD), unit__code=row["unit"])
    actions.sort(appeal_id, clerk, category=row["category_sorted"])
    actions.assign(appeal_id, dispatcher, unit=row["unit"])
    if reached >= _STAGES.index("handling"):
        actions.accept(appeal_id, holder)
        handling_actions.report(appeal_id, holder, words=row["words"])
    if reached >= _STAGES.index("resolved"):
        handling_actions.resolve(appeal_id, holder, words=row["words"])
    if row["stage"] == "closed":
        me = requester_of(appeal_id)
        closing_actions.rate(appeal_id, me, solved=True, satisfaction=Satisfaction.SATISFIED)
        closing_actions.close(appeal_id, clerk)


def _actor(**post: object) -> Actor:
    return actor_of(
        User.objects.filter(**{f"posts__{k}": v for k, v in post.items()}).order_by("pk")[0]
    )


def cast_names() -> list[tuple[str, str]]:
    """List (username, display name) of the cast."""
    return list({row["username"]: row["display_name"] for row in _rows("people.csv")}.items())


def logins() -> list[tuple[str, str]]:
    """List (username, description) of the cast, for the start page and the console."""
    first: dict[str, str] = {}
    for row in _rows("people.csv"):
        first.setdefault(row["username"], f"{row['display_name']} · {Role(row['role']).label}")
    return list(first.items())


def _rows(path: str | Path) -> Iterator[dict[str, str]]:
    with open(HERE / path, encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
