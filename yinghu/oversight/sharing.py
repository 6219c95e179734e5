"""Rules of sharing a case with a task force (专班): possible units, and who may end it."""

from django.utils.translation import gettext as _

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Who
from yinghu.oversight.models import Share
from yinghu.people.access import Actor, relations, staffed_units
from yinghu.people.models import Unit, UnitKind


def partners(appeal: Appeal) -> list[Unit]:
    """Return the units with which the case can be shared now; task forces first."""
    found = staffed_units().select_related(None)
    if appeal.unit is None or appeal.unit.kind != UnitKind.TASK_FORCE:
        found = found.filter(kind=UnitKind.TASK_FORCE)
    units = list(found)
    people = frozenset(unit.pk for unit in units)
    fit = [unit for unit in units if not why_not_shared(appeal, unit, people)]
    return sorted(fit, key=lambda unit: (unit.kind != UnitKind.TASK_FORCE, unit.name))


def why_not_shared(appeal: Appeal, unit: Unit, people: frozenset[int]) -> tuple[str, str] | None:
    """Return why it cannot be shared with a unit, as a code and in words; None if it can."""
    if unit.pk == appeal.unit_id:
        return "own_unit", _("它就是承办单位，不用共享")
    if unit.pk in (appeal.also or ()):
        return "has_part", _("%s已经参与这件诉求了") % unit
    held_by_force = appeal.unit is not None and appeal.unit.kind == UnitKind.TASK_FORCE
    if unit.kind != UnitKind.TASK_FORCE and not held_by_force:
        return "no_force", _("%s不是专班；要别的单位帮忙，请用“请协办”") % unit
    if unit.pk not in people:
        return "nobody_there", _("%s还没有人，请另选一个") % unit
    return None


def sides(appeal: Appeal, actor: Actor) -> list[Unit]:
    """Return the actor's units that have the case or a part in it; the unit that has it first."""
    here = actor.party_units & {appeal.unit_id, *(appeal.also or ())}
    if appeal.unit is not None and here <= {appeal.unit_id}:
        return [appeal.unit] if here else []
    units = Unit.objects.filter(pk__in=here)
    return sorted(units, key=lambda unit: (unit.pk != appeal.unit_id, unit.name))


def to_end(appeal: Appeal, actor: Actor) -> list[Unit]:
    """Return the units with which the actor may end the sharing of the case, by name."""
    running = Share.objects.filter(appeal=appeal, ended_at=None).select_related("unit")
    return [each.unit for each in running.order_by("unit__name") if may_end(each, appeal, actor)]


def may_end(shared: Share, appeal: Appeal, actor: Actor) -> bool:
    own = {shared.unit_id, shared.by_unit_id} & actor.party_units
    ending = {Who.HANDLER, Who.HEAD, Who.DISPATCH, Who.COMMAND}
    return bool(own or relations(actor, appeal) & ending)
