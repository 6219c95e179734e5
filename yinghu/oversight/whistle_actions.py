"""Verbs of whistle and report-in (吹哨报到), each row with its function.

The grassroots call departments, which must come and report in. Each unit called has a clock until
the deadline. Reporting in stops it and starts that of the four elements (四要素): time of receipt,
person spoken to, measures, deadline. The whistler rates each unit. A unit may contest being named;
the command rules.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.moving import Conflict, Refused, checked_line, move
from yinghu.appeals.phrases import agreement_of, deadline_detail, joined, name_detail
from yinghu.appeals.policies import policy
from yinghu.appeals.states import (
    DESKS,
    EVERY_STATUS,
    IN_UNITS_NAME,
    OPEN,
    PARTIES,
    UNIT,
    UNRATED,
    ClockKind,
    Occasion,
    Satisfaction,
    Who,
)
from yinghu.appeals.verb import WHY, WHY_OPTIONAL, Audience, FieldKind, Privacy, Verb, VerbField
from yinghu.common import text_cleaning
from yinghu.oversight.actions import minutes_until
from yinghu.oversight.levels import joined_units
from yinghu.oversight.models import Summons, Whistle
from yinghu.oversight.whistles import caller_of, check_callable, meeting_point, ratings, units_named
from yinghu.people.access import Actor
from yinghu.places.locate import metres

_WHISTLES = frozenset({"whistles"})
_NAMED = VerbField("unit", FieldKind.NAMED, gettext_noop("单位"))
SPEAKER = VerbField("unit", FieldKind.NAMED, gettext_noop("代表哪个单位"), required=False)


def _whistle_detail(event: Event) -> str:
    given = event.facts
    return joined(
        _(Occasion(given["occasion"]).label),
        _("、").join(given.get("names", ())),
        given.get("place", ""),
        deadline_detail(event),
    )


WHISTLE = Verb(
    "whistle",
    gettext_noop("吹哨"),
    pgettext_lazy("done", "吹哨"),
    "speakerphone",
    who=IN_UNITS_NAME | DESKS,
    sources=OPEN,
    fields=(
        VerbField("occasion", FieldKind.OCCASION, gettext_noop("为什么吹哨")),
        VerbField("units", FieldKind.UNITS, gettext_noop("请哪些单位报到")),
        VerbField("until", FieldKind.TIME, gettext_noop("请在什么时候以前报到")),
        VerbField("place", FieldKind.TEXT, gettext_noop("到哪里集合")),
        VerbField("why", FieldKind.TEXT, gettext_noop("要办什么（内部）")),
    ),
    told=lambda event: _("已请%s到现场一起办理") % _("、").join(event.facts.get("names", ())),
    detail=_whistle_detail,
    hurried=True,
    lists=_WHISTLES,
    audience=(Audience.SUMMONED_UNITS,),
)


@WHISTLE.action
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
    """Call units (by code) of a higher level than one's own to be at `place` by `until`."""
    if occasion not in list(Occasion):
        raise Refused("unknown_occasion", _("请选择为什么吹哨"), "occasion")
    place = checked_line(place, WHISTLE, "place")
    called = units_named(units)
    made: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        caller = caller_of(appeal, actor)
        check_callable(called, caller, appeal)
        minutes = minutes_until(until, now)
        rated = minutes + policy("grade_minutes")
        if not clocks.begin(appeal.pk, ClockKind.GRADE, now, rated, unit=caller.pk):
            raise Conflict("whistled_already", _("上一次吹哨还没有评完，请先评价"))
        for unit in called:
            if not clocks.begin(appeal.pk, ClockKind.WHISTLE, now, minutes, unit=unit.pk):
                raise Conflict("called_already", _("已经吹哨叫过%s，等它报到") % unit)
        lon, lat = meeting_point(appeal)
        made.update(appeal=appeal, unit=caller, tier=caller.level, lon=lon, lat=lat)
        return {"also": joined_units(appeal, caller.pk, *(unit.pk for unit in called))}

    said = {"occasion": occasion, "place": place}
    facts = said | {
        "units": [unit.code for unit in called],
        "names": [unit.name for unit in called],
        "until": until.isoformat(),
    }
    with transaction.atomic():
        event = move(appeal_id, actor, WHISTLE, change, why=why, facts=facts, expect=expect)
        record = Whistle.objects.create(**made, **said, event=event, until=until, at=event.at)
        Summons.objects.bulk_create(Summons(whistle=record, unit=unit) for unit in called)
    return event


def _summons_of(
    appeal: Appeal, actor: Actor, kind: ClockKind, unit: str, facts: dict[str, Any]
) -> tuple[Summons, Clock]:
    """Return the unit's latest call ("": the next due) and its running clock; name it in facts."""
    found = clocks.running(appeal.pk).filter(kind=kind, unit__in=actor.party_units)
    found = found.filter(unit__code=unit) if unit else found
    clock = found.order_by("due_at", "pk").first()
    if clock is None:
        raise Conflict("nothing_to", _("没有吹哨请您的单位报到，或者已经报到过"))
    summons = _summonses(appeal, clock.unit_id).latest("pk")
    facts.update(unit=summons.unit.code, name=summons.unit.name)
    return summons, clock


def _summonses(appeal: Appeal, unit_id: int | None) -> QuerySet[Summons]:
    found = Summons.objects.filter(whistle__appeal=appeal, unit=unit_id)
    return found.select_related("whistle", "unit")


def _report_in_told(event: Event) -> str:
    text = _("%s已报到") if event.facts.get("away") else _("%s已到现场")
    return text % name_detail(event)


def _report_in_detail(event: Event) -> str:
    given = event.facts
    metres = given.get("metres")
    return joined(
        name_detail(event),
        _("迟到") if given.get("late") else "",
        _("离集合地点 %d 米") % metres if metres is not None else "",
        _("不在现场") if given.get("away") else "",
    )


REPORT_IN = Verb(
    "report_in",
    gettext_noop("报到"),
    pgettext_lazy("done", "报到"),
    "map-pin-check",
    who=PARTIES,
    sources=UNRATED,
    fields=(
        SPEAKER,
        VerbField("point", FieldKind.POINT, gettext_noop("我的位置"), required=False),
        VerbField("why", FieldKind.TEXT, gettext_noop("谁来了（内部）"), required=False),
    ),
    needs=ClockKind.WHISTLE,
    told=_report_in_told,
    detail=_report_in_detail,
    pressing=3,
    lists=_WHISTLES,
    audience=(Audience.WHISTLERS,),
)


@REPORT_IN.action
def report_in(
    appeal_id: int,
    actor: Actor,
    *,
    unit: str = "",
    point: str = "",
    why: str = "",
    expect: int | None = None,
) -> Event:
    """Report in for one's unit: `point` is "lon,lat" of the phone, WGS-84, `why` who came.

    `unit`, here and in the next two verbs, is for people who speak for several units.
    """
    here = _point(point)
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        summons, clock = _summons_of(appeal, actor, ClockKind.WHISTLE, unit, facts)
        own = Clock.objects.filter(pk=clock.pk)
        if clock.paused_at is not None:
            # Nobody had to come before the command ruled.
            clocks.resume_clocks(own, now)
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
        # Coming settles a contest.
        waiting = clocks.running(appeal.pk).filter(kind=ClockKind.CONTEST, unit=clock.unit_id)
        waiting.update(stopped_at=now)
        summons.reported_at, summons.reported_by_id = now, actor.user_id
        summons.save(update_fields=("reported_at", "reported_by", "metres"))
        facts["late"] = now > clock.due_at
        return {}

    return move(appeal_id, actor, REPORT_IN, change, why=why, facts=facts, expect=expect)


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


MEASURES = Verb(
    "measures",
    gettext_noop("报四要素"),
    pgettext_lazy("done", "报四要素"),
    "list-check",
    who=PARTIES,
    sources=UNRATED,
    fields=(
        SPEAKER,
        VerbField("received", FieldKind.TIME, gettext_noop("什么时候收到")),
        VerbField("spoken_to", FieldKind.TEXT, gettext_noop("和谁对接（内部）")),
        VerbField("why", FieldKind.TEXT, gettext_noop("采取的措施（内部）")),
        VerbField("until", FieldKind.TIME, gettext_noop("什么时候办好")),
    ),
    needs=ClockKind.MEASURES,
    privacy=Privacy.INSIDE,
    detail=lambda event: joined(
        name_detail(event),
        _("对接：%s") % event.facts.get("spoken_to", ""),
        deadline_detail(event),
    ),
    pressing=4,
    lists=_WHISTLES,
    audience=(Audience.WHISTLERS,),
)


@MEASURES.action
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
    """Enter the four elements: time of receipt, person spoken to, measures (`why`), deadline."""
    spoken_to = checked_line(spoken_to, MEASURES, "spoken_to")
    words = text_cleaning.clean_words(why)
    facts: dict[str, Any] = {
        "received": received.isoformat(),
        "spoken_to": spoken_to,
        "until": until.isoformat(),
    }

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        summons, clock = _summons_of(appeal, actor, ClockKind.MEASURES, unit, facts)
        # A unit called by two whistlers enters its measures once.
        open_ = list(
            _summonses(appeal, clock.unit_id).filter(reported_at__isnull=False, measures="")
        ) or [summons]
        _check_received(received, open_, now)
        minutes_until(until, now)
        Clock.objects.filter(pk=clock.pk).update(stopped_at=now)
        for each in open_:
            # Forms give whole minutes, and the second whistle came after the first was received.
            earliest, latest = each.whistle.at, each.reported_at or now
            each.received_at = min(max(received, earliest), latest)
            each.done_by, each.spoken_to, each.measures = until, spoken_to, words
        Summons.objects.bulk_update(open_, ("received_at", "done_by", "spoken_to", "measures"))
        return {}

    return move(appeal_id, actor, MEASURES, change, why=why, facts=facts, expect=expect)


def _check_received(received: datetime, calls: Sequence[Summons], now: datetime) -> None:
    """Refuse a time of receipt before the first whistle or after the unit reported in."""
    if received > now:
        raise Refused("future", _("收到的时间不能是将来"), "received")
    blown = min(each.whistle.at for each in calls)
    if received < blown.replace(second=0, microsecond=0):
        when = f"{timezone.localtime(blown):%m-%d %H:%M}"
        raise Refused("too_early", _("收到的时间不能早于吹哨（%s）") % when, "received")
    came = max(each.reported_at or now for each in calls)
    if received > came:
        when = f"{timezone.localtime(came):%m-%d %H:%M}"
        raise Refused("too_late", _("收到的时间不能晚于报到（%s）") % when, "received")


CONTEST = Verb(
    "contest",
    gettext_noop("提异议"),
    pgettext_lazy("done", "提异议"),
    "alert-triangle",
    who=PARTIES,
    sources=UNRATED,
    fields=(SPEAKER, WHY),
    needs=ClockKind.WHISTLE,
    privacy=Privacy.PRIVATE,
    detail=name_detail,
    lists=_WHISTLES,
    audience=(Audience.WHISTLERS, Audience.COMMAND),
)


@CONTEST.action
def contest(
    appeal_id: int, actor: Actor, *, why: str, unit: str = "", expect: int | None = None
) -> Event:
    """Contest that one's unit is named. Its clock is paused until the command has ruled."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        summons, clock = _summons_of(appeal, actor, ClockKind.WHISTLE, unit, facts)
        if summons.contested_at is not None:
            raise Conflict("contested_already", _("已经提过异议"))
        clocks.begin(
            appeal.pk, ClockKind.CONTEST, now, policy("contest_minutes"), unit=clock.unit_id
        )
        Clock.objects.filter(pk=clock.pk).update(paused_at=now)
        summons.contested_at = now
        summons.save(update_fields=("contested_at",))
        return {}

    return move(appeal_id, actor, CONTEST, change, why=why, facts=facts, expect=expect)


JUDGE = Verb(
    "judge",
    gettext_noop("裁定异议"),
    pgettext_lazy("done", "裁定异议"),
    "scale",
    who=frozenset({Who.COMMAND}),
    sources=UNRATED,
    fields=(_NAMED, VerbField("agree", FieldKind.BOOL, gettext_noop("同意不来吗")), WHY),
    needs=ClockKind.CONTEST,
    any_unit=True,
    privacy=Privacy.PRIVATE,
    detail=lambda event: joined(agreement_of(event), name_detail(event)),
    pressing=2,
    lists=_WHISTLES,
    audience=(Audience.SUMMONED_UNITS, Audience.WHISTLERS),
)


@JUDGE.action
def judge(
    appeal_id: int, actor: Actor, *, unit: str, agree: bool, why: str, expect: int | None = None
) -> Event:
    """Rule on a unit's contest: `agree` excuses it, else it has to come, and its clock resumes."""
    facts: dict[str, Any] = {"unit": unit, "agree": agree}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        waiting = clocks.running(appeal.pk).filter(kind=ClockKind.CONTEST, unit__code=unit)
        clock = waiting.first()
        if clock is None:
            raise Conflict("nothing_to", _("这个单位没有等着裁定的异议"))
        summons = _summonses(appeal, clock.unit_id).latest("pk")
        waiting.update(stopped_at=now)
        called = clocks.running(appeal.pk).filter(kind=ClockKind.WHISTLE, unit=clock.unit_id)
        if agree:
            called.update(stopped_at=now)
        else:
            clocks.resume_clocks(called, now)
        summons.excused = agree
        summons.save(update_fields=("excused",))
        end_when_graded(appeal, summons.whistle, now)
        facts["name"] = summons.unit.name
        return {}

    return move(appeal_id, actor, JUDGE, change, why=why, facts=facts, expect=expect)


GRADE = Verb(
    "grade",
    gettext_noop("评哨"),
    pgettext_lazy("done", "评哨"),
    "star",
    who=UNIT | DESKS | {Who.PARTY},
    sources=EVERY_STATUS,
    fields=(
        _NAMED,
        VerbField("satisfaction", FieldKind.SATISFACTION, gettext_noop("评价")),
        WHY_OPTIONAL,
    ),
    needs=ClockKind.GRADE,
    privacy=Privacy.PRIVATE,
    detail=lambda event: joined(
        name_detail(event), _(Satisfaction(event.facts["satisfaction"]).label)
    ),
    lists=_WHISTLES,
    audience=(Audience.SUMMONED_UNITS,),
)


@GRADE.action
def grade(
    appeal_id: int,
    actor: Actor,
    *,
    unit: str,
    satisfaction: str,
    why: str = "",
    expect: int | None = None,
) -> Event:
    """Rate a unit that one has called, after it came or its time is over: see `ratings`."""
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
        # A contest extends the time; once the case is closed no unit has to come.
        live = clocks.running(appeal.pk).filter(kind=ClockKind.WHISTLE, unit=summons.unit)
        if live.exclude(paused_at=None, due_at__lte=now).exists():
            raise Conflict("too_early", _("%s还有时间报到，到时再评") % summons.unit)
        if satisfaction not in ratings(came=summons.reported_at is not None):
            raise Refused(
                "never_came", _("%s没有报到，只能评不满意") % summons.unit, "satisfaction"
            )
        summons.grade = satisfaction
        summons.save(update_fields=("grade",))
        end_when_graded(appeal, summons.whistle, now)
        facts["name"] = summons.unit.name
        return {}

    return move(appeal_id, actor, GRADE, change, why=why, facts=facts, expect=expect)


def end_when_graded(appeal: Appeal, record: Whistle, now: datetime) -> None:
    """Stop waiting for a whistle whose units are all rated or excused."""
    if not record.summons.filter(grade="").exclude(excused=True).exists():
        waiting = clocks.running(appeal.pk).filter(kind=ClockKind.GRADE, unit=record.unit)
        waiting.update(stopped_at=now)
