"""Import of tables: a plan of each line's effect first, then its execution."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django import forms
from django.db import transaction
from django.utils.translation import gettext as _

from yinghu.administration import impact, services
from yinghu.administration.history import Difference, differences
from yinghu.administration.impact import RunningClocks
from yinghu.common.config_types.config_form import NO, YES, FormContext, State
from yinghu.common.config_types.config_type import ConfigType, Rows
from yinghu.people.models import User

_NEW = "new "
"""Prefix of a row's name in a plan as long as it has no key; no key contains a blank."""


@dataclass(slots=True)
class PlannedLine:
    """The effect of one line of a file: new, changed, same, or refused and why."""

    number: int
    key: str
    name: str
    does: str = "same"
    why: list[str] = field(default_factory=list)
    before: State = field(default_factory=dict)
    values: State = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    """In words; set by `describe_line` for the lines that are shown."""
    below: int = 0
    """Number of rows retired with this one; set by `describe_line`."""

    @property
    def known_as(self) -> str:
        """The key to show beside the name; "" for a row that has none yet."""
        return "" if self.key == self.name or self.key.startswith(_NEW) else self.key


@dataclass(slots=True)
class ImportPlan:
    """The effect of a whole file."""

    lines: list[PlannedLine]
    context: FormContext

    def of(self, does: str) -> list[PlannedLine]:
        return [line for line in self.lines if line.does == does]

    @property
    def acts(self) -> list[PlannedLine]:
        return [line for line in self.lines if line.does in ("new", "changed")]

    @property
    def digest(self) -> str:
        """Changes as soon as the file would have another effect."""
        told = [
            (line.number, line.key, line.does, line.before, line.values, line.why)
            for line in self.lines
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def plan_import(config_type: ConfigType, rows: Rows) -> ImportPlan:
    """Compute the effect of these rows; writes nothing."""
    context = config_type.context(config_type)
    lines: list[PlannedLine] = []
    done: dict[str, tuple[int, dict[str, str]]] = {}
    for number, cells in config_type.merge_lines(rows, context):
        for each in config_type.split_line(cells):
            key = config_type.key_in(each, context)
            if key in done and done[key][1] == each and each is not cells:
                continue  # a list of villages names the county on every line
            if key in done:
                line = PlannedLine(number, key, each.get("name") or key)
                lines.append(_refuse(line, _("和第 %d 行是同一个") % done[key][0]))
                continue
            if key:
                done[key] = (number, each)
            line = _plan_line(context, number, key, each)
            # A new row's key is known once it is parsed: two lines may write one area differently.
            if line.key:
                done.setdefault(line.key, (number, each))
            lines.append(line)
    return ImportPlan(lines, context)


def _plan_line(context: FormContext, number: int, key: str, cells: dict[str, str]) -> PlannedLine:
    config_type = context.type
    now = context.states.get(key)
    line = PlannedLine(number, key, cells.get("name") or str((now or {}).get("name") or key))
    known = {name: text for name, text in cells.items() if name in config_type.columns}
    shown = context.cells(key)
    if now is not None and all(shown.get(name, "") == text for name, text in known.items()):
        return line
    form = context.form(key if now is not None else "", {**shown, **known})
    absent = [name for name, each in form.fields.items() if each.required and name not in known]
    if now is None and config_type.form.fixed == ("code",) and "name" in absent:
        # A file without names is not meant to create rows.
        said = {"key": key, "columns": _("、").join(absent)}
        why = _("没有代码为 %(key)s 的；要新建，文件里还要有这些列：%(columns)s") % said
        return _refuse(line, why)
    if not form.is_valid():
        return _refuse(line, *_reasons(config_type, form))
    values = dict(form.cleaned_data)
    if config_type.retires and (text := known.get("active", "").lower()):
        if text not in YES | NO:
            return _refuse(line, _("启用一栏应是 1 或 0，而不是“%s”") % text[:20])
        values["active"] = text in YES
    if now is None:
        line.does, line.values = "new", values
        line.key = config_type.key_for(values) or key or f"{_NEW}line {number}"
        made = {name: value for name, value in values.items() if name not in form.fixed}
        context.add(line.key, {"active": True} | made)
        return line
    new = {name: value for name, value in values.items() if now.get(name) != value}
    if not new:
        return line
    why = ""
    if new.get("active"):
        why = config_type.restore_obstacle(context.rows[key], context.states)
    elif "active" in new:
        why = config_type.retire_obstacle(context.rows[key])
    if why:
        return _refuse(line, why)
    line.does, line.values = "changed", new
    line.before = {name: now.get(name) for name in new}
    context.add(key, now | new)
    return line


def _refuse(line: PlannedLine, *why: str) -> PlannedLine:
    line.does, line.why = "refused", list(why)
    return line


def describe_line(plan: ImportPlan, line: PlannedLine) -> None:
    """Set the line's differences in words, and the number of rows retired with it."""
    config_type, after = plan.context.type, line.values
    if line.does == "new":
        blank = {name for name, value in after.items() if value in ("", None, [])}
        fixed = config_type.form.fixed
        # A key of one field is already shown beside the name.
        hidden = blank.union(fixed if len(fixed) == 1 else ())
        after = {name: value for name, value in after.items() if name not in hidden}
    elif after.get("active") is False:
        line.below = len(config_type.below(plan.context.rows[line.key]))
    line.differences = differences(line.before, after, plan.context)


def _reasons(config_type: ConfigType, form: forms.Form) -> list[str]:
    return [
        str(text)
        if name == "__all__"
        else _("%(field)s：%(why)s") % {"field": config_type.label_of(name), "why": text}
        for name, texts in form.errors.items()
        for text in texts
    ]


def running_clocks(plan: ImportPlan) -> list[RunningClocks]:
    """Return the running clocks that the plan concerns, each job once; see `impact`."""
    found: list[RunningClocks] = []
    for line in plan.acts:
        row = None if line.does == "new" else plan.context.rows[line.key]
        running = impact.running_clocks(plan.context.type, row, line.values)
        if running is not None and running not in found:
            found.append(running)
    return found


def count_running(plan: ImportPlan) -> int:
    """Count the running clocks that would follow the plan, each once: a limit of a category's own
    takes its cases from the general one in the same file.
    """
    found = running_clocks(plan)
    if len(found) < 2:
        return sum(each.number for each in found)
    with services.exclusive():
        apply_import(None, plan)
        number = sum(impact.count_following(each) for each in found)
        transaction.set_rollback(True)
    return number


def apply_import(
    user: User | None, plan: ImportPlan, follow: Sequence[RunningClocks] | None = None
) -> int:
    """Execute a plan, within the `exclusive` in which it was made; return the number of lines. The
    running clocks of `follow` then follow it.

    Raises ChangeRefused, and the transaction must then be rolled back: each of two units may be
    retired, but not both.
    """
    config_type = plan.context.type
    for does, group in groupby(plan.acts, key=lambda line: line.does):
        lines, made = list(group), []
        if does == "new":
            many = [services.without_active(line.values) for line in lines]
            made = services.create_many(config_type, user, many, follow)
            follow = follow if follow is None else ()
        for n, line in enumerate(lines):
            # Read again: an earlier line may have retired it with its parent.
            row = made[n] if made else config_type.find(line.key)
            try:
                if not made:
                    values = services.without_active(line.values)
                    if services.update(config_type, user, row, values, follow):
                        follow = follow if follow is None else ()
                if line.values.get("active") is False:
                    services.retire(config_type, user, row)
                elif line.values.get("active") and not made:
                    services.restore(config_type, user, row)
            except services.ChangeRefused as why:
                said = _("第 %(n)d 行：%(why)s") % {"n": line.number, "why": why}
                raise services.ChangeRefused(said) from why
    return len(plan.acts)


def import_new(
    config_type: ConfigType, user: User | None, rows: Iterable[dict[str, str]]
) -> ImportPlan:
    """Write the rows that do not exist yet; leave the others unchanged."""
    with services.exclusive():
        context = config_type.context(config_type)
        new = [
            (number, cells)
            for number, cells in enumerate(rows, 2)
            if config_type.key_in(cells, context) not in context.states
        ]
        plan = plan_import(config_type, new)
        apply_import(user, plan)
    return plan
