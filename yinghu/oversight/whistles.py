"""Whistle and report-in (吹哨报到): the grassroots call departments, which must come and say so.

Each unit called has a clock until the deadline. Reporting in stops it and starts that of the four
elements (四要素): when received, whom they spoke to, measures, deadline. The whistler rates each of
them. A unit may contest being named; the command rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.moving import Conflict, Refused, line, move
from yinghu.appeals.policies import policy
from yinghu.appeals.states import ClockKind, Occasion, Satisfaction, Verb
from yinghu.common import text_cleaning
from yinghu.oversight.co_handling import minutes_until
from yinghu.oversight.levels import joined
from yinghu.oversight.models import Summons, Whistle
from yinghu.people.access import Actor, staffed, staffed_units
from yinghu.people.models import Level, Unit
from yinghu.places.locate import metres

MOST_UNITS = 20


def whistle(
    appeal_id: int,
    actor: Actor,
    *,
    occasion: str,
    units: Sequence[str],
    until: datetime,
    place: str,
    why: str,
    expect: int | None = None,
) -> Event:
    """Whistle for units (by code) of a higher level than one's own: to be at `place` by `until`."""
    if occasion not in list(Occasion):
        raise Refused("unknown_occasion", _("请选择为什么吹哨"), "occasion")
    place = line(place, Verb.WHISTLE, "place")
    called = _units(units)
    made: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        caller = _caller(appeal, actor)
        _may_be_called(called, caller, appeal)
        minutes = minutes_until(until, now)
        rated = minutes + policy("grade_minutes")
        if not clocks.begin(appeal.pk, ClockKind.GRADE, now, rated, unit=caller.pk):
            raise Conflict("whistled_already", _("上一次吹哨还没有评完，请先评价"))
        for unit in called:
            if not clocks.begin(appeal.pk, ClockKind.WHISTLE, now, minutes, unit=unit.pk):
                raise Conflict("called_already", _("已经吹哨叫过%s，等它报到") % unit)
        made.update(caller=caller, appeal=appeal)
        return {"also": joined(appeal, caller.pk, *(unit.pk for unit in called))}

    facts = {
        "occasion": occasion,
        "units": [unit.code for unit in called],
        "names": [unit.name for unit in called],
        "until": until.isoformat(),
        "place": place,
    }
    with transaction.atomic():
        event = move(appeal_id, actor, Verb.WHISTLE, change, why=why, facts=facts, expect=expect)
        appeal, caller = made["appeal"], made["caller"]
        lon, lat = _meeting_point(appeal)
        blown = Whistle.objects.create(
            appeal=appeal,
            event=event,
            unit=caller,
            tier=caller.level,
            occasion=occasion,
            place=place,
            lon=lon,
            lat=lat,
            until=until,
            at=event.at,
        )
        Summons.objects.bulk_create(Summons(whistle=blown, unit=unit) for unit in called)
    return event


def to_call(appeal: Appeal, actor: Actor) -> list[Unit]:
    """The units that the actor may whistle for at this case, the lowest level first."""
    here = appeal.area_id or ""
    # A city has thousands of grids, and each case page asks: those of other places are not read.
    near = Q(area=None) | Q(area__in=[here[:length] for length in range(1, len(here) + 1)])
    caller, units = _caller(appeal, actor), list(staffed_units().filter(near))
    people = frozenset(unit.pk for unit in units)
    found = [unit for unit in units if not _obstacle(unit, caller, appeal, people)]
    return sorted(found, key=lambda unit: (-unit.level, unit.name))


def _units(codes: Sequence[str]) -> list[Unit]:
    wanted = list(dict.fromkeys(codes))
    if not wanted:
        raise Refused("missing", _("请选至少一个单位"), "units")
    if len(wanted) > MOST_UNITS:
        raise Refused("too_many", _("一次最多叫 %d 个单位") % MOST_UNITS, "units")
    found = {unit.code: unit for unit in Unit.objects.filter(code__in=wanted, active=True)}
    if unknown := [code for code in wanted if code not in found]:
        raise Refused("unknown_unit", _("没有这个单位：%s") % _("、").join(unknown), "units")
    return [found[code] for code in wanted]


def _caller(appeal: Appeal, actor: Actor) -> Unit:
    """The unit in whose name the actor whistles: that of the case, if it is theirs."""
    own = actor.all_units
    if appeal.unit is not None and appeal.unit_id in own:
        return appeal.unit
    lead = next((each for each in appeal.also or () if each in own), None)
    return Unit.objects.get(pk=lead or min(own))


def _may_be_called(units: Sequence[Unit], caller: Unit, appeal: Appeal) -> None:
    people = staffed()
    for unit in units:
        if obstacle := _obstacle(unit, caller, appeal, people):
            raise Refused(*obstacle, "units")


def _obstacle(
    unit: Unit, caller: Unit, appeal: Appeal, people: frozenset[int]
) -> tuple[str, str] | None:
    """Why a unit cannot be called, as a code and in words; None where it can."""
    if unit.pk == caller.pk:
        return "own_unit", _("不能吹哨叫自己的单位")
    if unit.level >= caller.level and caller.level > Level.COMMAND:
        return "not_above", _("%s不比您的单位高一级，不能吹哨叫它；可以请它协办") % unit
    if unit.area_id and not (appeal.area_id or "").startswith(unit.area_id):
        return "elsewhere", _("%s不管这件诉求所在的地方") % unit
    if unit.pk not in people:
        return "nobody_there", _("%s还没有人，叫不到") % unit
    return None


def _meeting_point(appeal: Appeal) -> tuple[float | None, float | None]:
    """Where the case is, as far as anybody knows: its own point, its place's, its area's."""
    for each in (appeal, appeal.place, appeal.area):
        if each is not None and each.lon is not None:
            return each.lon, each.lat
    return None, None


def _summoned(appeal: Appeal, actor: Actor, kind: ClockKind, unit: str) -> tuple[Summons, Clock]:
    """The latest call of the actor's unit for which a clock of this kind runs: of this code, or
    where it is "" the next due.
    """
    found = clocks.running(appeal.pk).filter(kind=kind, unit__in=actor.party_units)
    found = found.filter(unit__code=unit) if unit else found
    clock = found.order_by("due_at", "pk").first()
    if clock is None:
        raise Conflict("nothing_to", _("没有吹哨请您的单位报到，或者已经报到过"))
    return _calls(appeal, clock.unit_id).latest("pk"), clock


def called(appeal: Appeal, actor: Actor) -> list[Unit]:
    """The actor's units that have still to report in, or to say the four elements."""
    kinds = (ClockKind.WHISTLE, ClockKind.MEASURES)
    live = clocks.running(appeal.pk).filter(kind__in=kinds, unit__in=actor.party_units)
    return list(Unit.objects.filter(pk__in=live.values("unit")))


def _calls(appeal: Appeal, unit_id: int | None) -> QuerySet[Summons]:
    found = Summons.objects.filter(whistle__appeal=appeal, unit=unit_id)
    return found.select_related("whistle", "unit")


def report_in(
    appeal_id: int,
    actor: Actor,
    *,
    unit: str = "",
    point: str = "",
    why: str = "",
    expect: int | None = None,
) -> Event:
    """Say that one's unit has come: `point` is "lon,lat" of the phone, WGS-84, `why` who came.

    `unit` is which of one's units, here as in the two verbs below, for whoever speaks for several.
    """
    here = _point(point)
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        summons, clock = _summoned(appeal, actor, ClockKind.WHISTLE, unit)
        own = Clock.objects.filter(pk=clock.pk)
        if clock.paused_at is not None:
            # For as long as the command did not rule, nobody had to come.
            clocks.resume(own, now)
            clock.refresh_from_db()
        own.update(stopped_at=now)
        clocks.begin(
            appeal.pk, ClockKind.MEASURES, now, policy("measures_minutes"), unit=clock.unit_id
        )
        called = summons.whistle
        if here and called.lon is not None and called.lat is not None:
            summons.metres = metres(*here, called.lon, called.lat)
            facts["metres"] = round(summons.metres)
            facts["away"] = summons.metres > policy("report_in_metres")
        # A contest is settled by coming.
        waiting = clocks.running(appeal.pk).filter(kind=ClockKind.CONTEST, unit=clock.unit_id)
        waiting.update(stopped_at=now)
        summons.reported_at, summons.reported_by_id = now, actor.user_id
        summons.save(update_fields=("reported_at", "reported_by", "metres"))
        facts.update(unit=summons.unit.code, name=summons.unit.name, late=now > clock.due_at)
        return {}

    return move(appeal_id, actor, Verb.REPORT_IN, change, why=why, facts=facts, expect=expect)


def _point(text: str) -> tuple[float, float] | None:
    if not text.strip():
        return None
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        raise Refused("bad_point", _("位置应写成“经度,纬度”"), "point") from None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise Refused("bad_point", _("这个位置不在地球上"), "point")
    return lon, lat


def measures(
    appeal_id: int,
    actor: Actor,
    *,
    received: datetime,
    spoken_to: str,
    why: str,
    until: datetime,
    unit: str = "",
    expect: int | None = None,
) -> Event:
    """The four elements: when received, whom one spoke to, the measures (`why`), the deadline."""
    spoken_to = line(spoken_to, Verb.MEASURES, "spoken_to")
    words = text_cleaning.words(why)
    facts: dict[str, Any] = {
        "received": received.isoformat(),
        "spoken_to": spoken_to,
        "until": until.isoformat(),
    }

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        summons, clock = _summoned(appeal, actor, ClockKind.MEASURES, unit)
        # Whoever came twice, for two whistlers, says what is done once.
        open_ = _calls(appeal, clock.unit_id).filter(reported_at__isnull=False, measures="")
        first = open_.aggregate(at=Min("whistle__at"))["at"] or summons.whistle.at
        if received > now:
            raise Refused("future", _("收到的时间不能是将来"), "received")
        if received < first.replace(second=0, microsecond=0):
            raise Refused("too_early", _("收到的时间不能早于吹哨"), "received")
        minutes_until(until, now)
        Clock.objects.filter(pk=clock.pk).update(stopped_at=now)
        open_.update(received_at=received, done_by=until, spoken_to=spoken_to, measures=words)
        facts.update(unit=summons.unit.code, name=summons.unit.name)
        return {}

    return move(appeal_id, actor, Verb.MEASURES, change, why=why, facts=facts, expect=expect)


def contest(
    appeal_id: int, actor: Actor, *, why: str, unit: str = "", expect: int | None = None
) -> Event:
    """Say that one's unit is wrongly named. Its clock holds still until the command has ruled."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        summons, clock = _summoned(appeal, actor, ClockKind.WHISTLE, unit)
        if summons.contested_at is not None:
            raise Conflict("contested_already", _("已经提过异议"))
        clocks.begin(
            appeal.pk, ClockKind.CONTEST, now, policy("contest_minutes"), unit=clock.unit_id
        )
        Clock.objects.filter(pk=clock.pk).update(paused_at=now)
        summons.contested_at = now
        summons.save(update_fields=("contested_at",))
        facts.update(unit=summons.unit.code, name=summons.unit.name)
        return {}

    return move(appeal_id, actor, Verb.CONTEST, change, why=why, facts=facts, expect=expect)


def judge(
    appeal_id: int,
    actor: Actor,
    *,
    unit: str,
    agree: bool,
    why: str,
    expect: int | None = None,
) -> Event:
    """Rule on a unit's contest: `agree` excuses it, else it has to come, with its time run on."""
    facts: dict[str, Any] = {"unit": unit, "agree": agree}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        waiting = clocks.running(appeal.pk).filter(kind=ClockKind.CONTEST, unit__code=unit)
        clock = waiting.first()
        if clock is None:
            raise Conflict("nothing_to", _("这个单位没有等着裁定的异议"))
        summons = _calls(appeal, clock.unit_id).latest("pk")
        waiting.update(stopped_at=now)
        called = clocks.running(appeal.pk).filter(kind=ClockKind.WHISTLE, unit=clock.unit_id)
        if agree:
            called.update(stopped_at=now)
        else:
            clocks.resume(called, now)
        summons.excused = agree
        summons.save(update_fields=("excused",))
        _end_when_graded(appeal, summons.whistle, now)
        facts["name"] = summons.unit.name
        return {}

    return move(appeal_id, actor, Verb.JUDGE, change, why=why, facts=facts, expect=expect)


def ratings(*, came: bool) -> tuple[Satisfaction, ...]:
    """How a unit may be rated: whoever did not come has satisfied nobody."""
    return tuple(Satisfaction) if came else (Satisfaction.UNSATISFIED,)


def grade(
    appeal_id: int,
    actor: Actor,
    *,
    unit: str,
    satisfaction: str,
    why: str = "",
    expect: int | None = None,
) -> Event:
    """Rate a unit that one has whistled for, when it has come or the time is up: see `ratings`."""
    if satisfaction not in list(Satisfaction):
        raise Refused("unknown_satisfaction", _("请选择满意程度"), "satisfaction")
    facts: dict[str, Any] = {"unit": unit, "satisfaction": satisfaction}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        found = Summons.objects.filter(
            whistle__appeal=appeal, whistle__unit__in=actor.all_units, unit__code=unit
        )
        summons = found.select_related("whistle", "unit").order_by("-pk").first()
        if summons is None:
            raise Refused("not_called", _("您的单位没有吹哨叫过这个单位"), "unit")
        if summons.grade or summons.excused:
            raise Conflict("graded_already", _("%s已经评过，或者不用来") % summons.unit)
        # A contest gives more time; a case that was closed leaves nobody who had to come.
        live = clocks.running(appeal.pk).filter(kind=ClockKind.WHISTLE, unit=summons.unit)
        if live.exclude(paused_at=None, due_at__lte=now).exists():
            raise Conflict("too_early", _("%s还有时间报到，到时再评") % summons.unit)
        if satisfaction not in ratings(came=summons.reported_at is not None):
            raise Refused(
                "never_came", _("%s没有报到，只能评不满意") % summons.unit, "satisfaction"
            )
        summons.grade = satisfaction
        summons.save(update_fields=("grade",))
        _end_when_graded(appeal, summons.whistle, now)
        facts["name"] = summons.unit.name
        return {}

    return move(appeal_id, actor, Verb.GRADE, change, why=why, facts=facts, expect=expect)


def _end_when_graded(appeal: Appeal, blown: Whistle, now: datetime) -> None:
    """A whistle of which every unit is rated or excused waits for nothing any more."""
    if not blown.summons.filter(grade="").exclude(excused=True).exists():
        waiting = clocks.running(appeal.pk).filter(kind=ClockKind.GRADE, unit=blown.unit)
        waiting.update(stopped_at=now)
