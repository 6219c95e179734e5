"""A kind's rows as CSV, out and in: first what a file would do, line by line, then doing it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from yinghu.people.models import User
from yinghu.web.admin import services
from yinghu.web.admin.kinds import NO, YES, Around, Kind, Rows, State, label_of
from yinghu.web.admin.services import Difference

_NEW = "new "
"""Before what a row is called as long as it has no key; no key has a blank."""


@dataclass(slots=True)
class Line:
    """What one line of a file does: new, changed, same, or refused and why."""

    number: int
    key: str
    name: str
    does: str = "same"
    why: list[str] = field(default_factory=list)
    before: State = field(default_factory=dict)
    values: State = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    """In words, of the lines that are shown: `say` puts them there."""
    below: int = 0
    """How many rows go out of use with this one, likewise."""

    @property
    def known_as(self) -> str:
        """The key to show beside the name; "" where the row is to get one."""
        return "" if self.key == self.name or self.key.startswith(_NEW) else self.key


@dataclass(slots=True)
class Plan:
    """What a whole file does."""

    lines: list[Line]
    around: Around

    def of(self, does: str) -> list[Line]:
        return [line for line in self.lines if line.does == does]

    @property
    def acts(self) -> list[Line]:
        return [line for line in self.lines if line.does in ("new", "changed")]

    @property
    def digest(self) -> str:
        """Another one as soon as the file would do something else."""
        told = [
            (line.number, line.key, line.does, line.before, line.values, line.why)
            for line in self.lines
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def plan(kind: Kind, rows: Rows) -> Plan:
    """What these rows would do; writes nothing."""
    around = kind.around(kind)
    lines: list[Line] = []
    done: dict[str, tuple[int, dict[str, str]]] = {}
    for number, cells in kind.gathered(rows, around):
        for each in kind.lines_of(cells):
            key = kind.key_in(each, around)
            if key in done and done[key][1] == each and each is not cells:
                continue  # the county in a list of villages stands on every line
            if key in done:
                why = [_("和第 %d 行是同一个") % done[key][0]]
                lines.append(Line(number, key, each.get("name") or key, "refused", why=why))
                continue
            if key:
                done[key] = (number, each)
            line = _line(kind, around, number, each)
            # What a new row is called once it is read: two lines may write one area differently.
            if line.key:
                done.setdefault(line.key, (number, each))
            lines.append(line)
    return Plan(lines, around)


def _line(kind: Kind, around: Around, number: int, cells: dict[str, str]) -> Line:
    key = kind.key_in(cells, around)
    now = around.states.get(key)
    line = Line(number, key, cells.get("name") or str((now or {}).get("name") or key))
    known = {name: text for name, text in cells.items() if name in kind.columns}
    shown = around.cells(key)
    if now is not None and all(shown.get(name, "") == text for name, text in known.items()):
        return line
    form = kind.form(around, key if now is not None else "", {**shown, **known})
    absent = [name for name, each in form.fields.items() if each.required and name not in known]
    if now is None and kind.form.fixed == ("code",) and "name" in absent:
        # Nobody who brings a file without names means to make something new.
        said = {"key": key, "columns": _("、").join(absent)}
        why = _("没有代码为 %(key)s 的；要新建，文件里还要有这些列：%(columns)s") % said
        line.does, line.why = "refused", [why]
        return line
    if not form.is_valid():
        line.does, line.why = "refused", _reasons(kind, form)
        return line
    values = dict(form.cleaned_data)
    if kind.retires and (text := known.get("active", "").lower()):
        if text not in YES | NO:
            line.does, line.why = "refused", [_("启用一栏应是 1 或 0，而不是“%s”") % text[:20]]
            return line
        values["active"] = text in YES
    if now is None:
        line.does, line.values = "new", values
        line.key = kind.key_of(values) or key or f"{_NEW}line {number}"
        made = {name: value for name, value in values.items() if name not in kind.form.fixed}
        around.add(line.key, {"active": True} | made)
        return line
    new = {name: value for name, value in values.items() if now.get(name) != value}
    if not new:
        return line
    if why := _in_the_way(kind, around, key, new):
        line.does, line.why = "refused", [why]
        return line
    line.does, line.values = "changed", new
    line.before = {name: now.get(name) for name in new}
    around.add(key, now | new)
    return line


def _in_the_way(kind: Kind, around: Around, key: str, new: State) -> str:
    """Why a row may not go out of use, or come back, as its line says; "" where it may."""
    if "active" not in new:
        return ""
    thing = around.things[key]
    return kind.obstacle_back(thing, around.states) if new["active"] else kind.obstacle(thing)


def say(kind: Kind, found: Plan, line: Line) -> None:
    """Put into a line what it does, in words, and how much goes out of use with it."""
    after = line.values
    if line.does == "new":
        blank = {name for name, value in after.items() if value in ("", None, [])}
        # One field that is the key stands beside the name; what only many make would not be read.
        hidden = blank.union(kind.form.fixed if len(kind.form.fixed) == 1 else ())
        after = {name: value for name, value in after.items() if name not in hidden}
    elif after.get("active") is False:
        line.below = len(kind.below(found.around.things[line.key]))
    line.differences = services.differences(line.before, after, found.around)


def _reasons(kind: Kind, form: forms.Form) -> list[str]:
    """What is wrong with a line, in words."""
    return [
        str(text)
        if name == "__all__"
        else _("%(field)s：%(why)s")
        % {
            "field": label_of(kind, name),
            "why": text,
        }
        for name, texts in form.errors.items()
        for text in texts
    ]


def carry_out(kind: Kind, user: User, found: Plan) -> int:
    """Do what a plan says, within `changing.alone` in which it was made; how many rows.

    Raises Refused, and the transaction must then not stand: each of two units may go, not both.
    """
    for line in found.acts:
        try:
            _carry_out(kind, user, line)
        except services.Refused as why:
            said = _("第 %(n)d 行：%(why)s") % {"n": line.number, "why": why}
            raise services.Refused(said) from why
    return len(found.acts)


def _carry_out(kind: Kind, user: User, line: Line) -> None:
    """Do what a line says. Raises Refused."""
    values = {name: value for name, value in line.values.items() if name != "active"}
    active = line.values.get("active")
    if line.does == "new":
        thing = services.create(kind, user, values)
    else:
        # As it is now: a line before may have taken it out of use with what is above it.
        thing = kind.find(line.key)
        services.change(kind, user, thing, values)
    if active is False:
        services.retire(kind, user, thing)
    elif active and line.does == "changed":
        services.bring_back(kind, user, thing)


def rows_out(kind: Kind, things: Sequence[Any]) -> list[dict[str, str]]:
    """Rows for `csvs.download`."""
    return [kind.cells(thing) for thing in things]
