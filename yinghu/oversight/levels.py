"""Raising a case (提级): from grid to community, town, department and the city's command.

Its first receiver stays its lead (首接负责制): it sees the case, reports on it and is responsible
for it. The case keeps the highest level that it has reached until it is closed.
"""

from yinghu.appeals.models import Appeal, Category
from yinghu.people.access import staffed
from yinghu.people.models import Level, Unit, UnitKind


def above(appeal: Appeal) -> Unit | None:
    """Return the unit to which the appeal would be raised, if any.

    The superior that its unit names goes first. Else, level by level: community and town of its
    area, department of its category, the command. Units without people are skipped.
    """
    people = staffed()
    own = appeal.unit
    superior = own.parent if own is not None and own.parent_id in people else None
    if superior is not None and superior.active and superior.level < appeal.level:
        return superior
    for level in range(appeal.level - 1, Level.COMMAND - 1, -1):
        found = _unit_at(Level(level), appeal, people)
        if found is not None and found.pk != appeal.unit_id:
            return found
    return None


def _unit_at(level: Level, appeal: Appeal, people: frozenset[int]) -> Unit | None:
    if level is Level.DEPARTMENT:
        return _department(appeal.category_id, people)
    local = {Level.COMMUNITY: UnitKind.COMMUNITY, Level.TOWN: UnitKind.TOWN}
    kind = local.get(level, UnitKind.COMMAND)
    here = appeal.area_id or ""
    units = Unit.objects.filter(kind=kind, active=True, pk__in=people)
    covering = [unit for unit in units if here.startswith(unit.area_id or "")]
    if level is not Level.COMMAND:
        covering = [unit for unit in covering if unit.area_id]
    # The smallest area first: the village before the town.
    return max(covering, key=lambda unit: (len(unit.area_id or ""), -unit.pk), default=None)


def _department(category: str | None, people: frozenset[int]) -> Unit | None:
    """Return the department of a category, or of the nearest category above that has one."""
    parts = (category or "").split(".")
    codes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    found = Category.objects.filter(code__in=codes).select_related("department")
    # The codes are prefixes of each other, so the nearest is the longest.
    nearest_first = sorted(found, key=lambda each: -len(each.code))
    units = (each.department for each in nearest_first)
    return next((unit for unit in units if unit and unit.active and unit.pk in people), None)


def joined_units(appeal: Appeal, *units: int) -> list[int]:
    """`Appeal.also` with these units added."""
    return sorted({*(appeal.also or ()), *units})
