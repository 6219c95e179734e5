"""Rules of whistles: which units can be called, which were, and how they may be rated."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Max, Q
from django.utils.translation import gettext as _

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal
from yinghu.appeals.moving import Refused
from yinghu.appeals.states import ClockKind, Satisfaction
from yinghu.oversight.models import Summons
from yinghu.people.access import Actor, staffed, staffed_units
from yinghu.people.models import Level, Unit

MOST_UNITS = 20


def units_to_call(appeal: Appeal, actor: Actor) -> list[Unit]:
    """Return the units that the actor may call to this case, lowest level first."""
    here = appeal.area_id or ""
    # A city has thousands of grids, and each case page asks: units of other places are not read.
    near = Q(area=None) | Q(area__in=[here[:length] for length in range(1, len(here) + 1)])
    caller, units = caller_of(appeal, actor), list(staffed_units().filter(near))
    people = frozenset(unit.pk for unit in units)
    found = [unit for unit in units if not why_not_called(unit, caller, appeal, people)]
    return sorted(found, key=lambda unit: (-unit.level, unit.name))


def units_named(codes: Sequence[str]) -> list[Unit]:
    """Return the units of these codes, in order; Refused for none, too many or an unknown one."""
    wanted = list(dict.fromkeys(codes))
    if not wanted:
        raise Refused("missing", _("请选至少一个单位"), "units")
    if len(wanted) > MOST_UNITS:
        raise Refused("too_many", _("一次最多叫 %d 个单位") % MOST_UNITS, "units")
    found = {unit.code: unit for unit in Unit.objects.filter(code__in=wanted, active=True)}
    if unknown := [code for code in wanted if code not in found]:
        raise Refused("unknown_unit", _("没有这个单位：%s") % _("、").join(unknown), "units")
    return [found[code] for code in wanted]


def caller_of(appeal: Appeal, actor: Actor) -> Unit:
    """Return the unit in whose name the actor whistles: that of the case, if it is theirs."""
    own = actor.all_units
    if appeal.unit is not None and appeal.unit_id in own:
        return appeal.unit
    lead = next((each for each in appeal.also or () if each in own), None)
    return Unit.objects.get(pk=lead or min(own))


def check_callable(units: Sequence[Unit], caller: Unit, appeal: Appeal) -> None:
    """Refuse the first of these units that cannot be called."""
    people = staffed()
    for unit in units:
        if obstacle := why_not_called(unit, caller, appeal, people):
            raise Refused(*obstacle, "units")


def why_not_called(
    unit: Unit, caller: Unit, appeal: Appeal, people: frozenset[int]
) -> tuple[str, str] | None:
    """Return why a unit cannot be called, as a code and in words; None if it can."""
    if unit.pk == caller.pk:
        return "own_unit", _("不能吹哨叫自己的单位")
    if unit.level >= caller.level and caller.level > Level.COMMAND:
        return "not_above", _("%s不比您的单位高一级，不能吹哨叫它；可以请它协办") % unit
    if unit.area_id and not (appeal.area_id or "").startswith(unit.area_id):
        return "elsewhere", _("%s不管这件诉求所在的地方") % unit
    if unit.pk not in people:
        return "nobody_there", _("%s还没有人，叫不到") % unit
    return None


def meeting_point(appeal: Appeal) -> tuple[float | None, float | None]:
    """Return the case's location if known: its own point, its place's, its area's."""
    for each in (appeal, appeal.place, appeal.area):
        if each is not None and each.lon is not None:
            return each.lon, each.lat
    return None, None


def called(appeal: Appeal, actor: Actor) -> list[Unit]:
    """Return the actor's units that still have to report in, or to enter the four elements."""
    kinds = (ClockKind.WHISTLE, ClockKind.MEASURES)
    live = clocks.running(appeal.pk).filter(kind__in=kinds, unit__in=actor.party_units)
    return list(Unit.objects.filter(pk__in=live.values("unit")))


def arrival(appeal: Appeal, actor: Actor) -> datetime | None:
    """Return when a unit of the actor reported in that has not entered the four elements yet."""
    found = Summons.objects.filter(whistle__appeal=appeal, unit__in=actor.party_units, measures="")
    came: datetime | None = found.aggregate(at=Max("reported_at"))["at"]
    return came


def ratings(*, came: bool) -> tuple[Satisfaction, ...]:
    """Return the possible ratings of a unit; one that did not come cannot satisfy."""
    return tuple(Satisfaction) if came else (Satisfaction.UNSATISFIED,)
