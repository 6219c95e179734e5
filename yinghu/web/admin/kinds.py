"""What the set-up pages know of one kind of thing: its fields, its rules, and where it is kept.

A row's state is a dict of JSON values, the same from the database, from a valid form and from a
line of CSV. What is compared, written into the history and exported is always that dict.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.states import OPEN
from yinghu.people.models import Unit
from yinghu.places import locate
from yinghu.places.importing import CODE
from yinghu.places.models import Area
from yinghu.places.typeahead import initials
from yinghu.ui.forms import AreaField, AreaInput, name_of

State = dict[str, Any]

Rows = Sequence[tuple[int, dict[str, str]]]
"""Lines of a file: the number and the cells by column."""

YES = frozenset({"1", "true", "yes", "是", "启用", "在用"})
NO = frozenset({"", "0", "false", "no", "否", "停用"})
"""What stands in a cell for yes and for no."""


class Around:
    """What else there is, for one form or all lines of one file; read once, and only if needed.

    Lines of a file add to it what they make, so that a village may follow its town.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._areas: dict[str, str] = {}

    @cached_property
    def things(self) -> dict[str, Any]:
        """Every row by its key, as it was when first asked for."""
        return {self.kind.key(thing): thing for thing in self.kind.things()}

    @cached_property
    def states(self) -> dict[str, State]:
        """Every row's state by its key."""
        return {key: self.kind.state(thing) for key, thing in self.things.items()}

    def cells(self, key: str) -> dict[str, str]:
        """A row as the CSV says it; nothing for one that is not there yet."""
        return self.kind.cells(self.things[key]) if key in self.things else {}

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Keys of the rows in use, by name."""
        found: dict[str, list[str]] = {}
        for key, state in self.states.items():
            if state.get("active", True) and state.get("name"):
                found.setdefault(state["name"], []).append(key)
        return found

    @cached_property
    def units(self) -> dict[str, Unit]:
        return {unit.code: unit for unit in Unit.objects.all()}

    @cached_property
    def categories(self) -> dict[str, Category]:
        return {category.code: category for category in Category.objects.all()}

    def unit_said(self, code: str) -> str:
        return name_of(self.units[code]) if code in self.units else code

    def category_said(self, code: str) -> str:
        return name_of(self.categories[code]) if code in self.categories else code

    def area_said(self, code: str) -> str:
        """An area's name, also of one that is retired."""
        if code not in self._areas:
            area = locate.known_areas().get(code) or Area.objects.filter(pk=code).first()
            self._areas[code] = name_of(area) if area else code
        return self._areas[code]

    def area_and_code_said(self, code: str) -> str:
        name = self.area_said(code)
        return with_code(name, code) if name != code else code

    def add(self, key: str, state: State) -> None:
        """Another row, or a row as it will be: what the next lines must fit to."""
        before = self.states.get(key, {})
        if before.get("name") and key in self.names.get(before["name"], ()):
            self.names[before["name"]].remove(key)
        self.states[key] = state
        if state.get("active", True) and state.get("name"):
            self.names.setdefault(state["name"], []).append(key)


class SetupForm(forms.Form):
    """The one check of a row, whether it comes from a page or from a file.

    `key` is the row's, "" for a new one; fields in `fixed` are given to a new one only.
    `cleaned_data` is the row's state without `active`.
    """

    fixed: ClassVar[tuple[str, ...]] = ("code",)

    def __init__(
        self,
        around: Around,
        key: str = "",
        data: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), auto_id="s-%s")
        self.around, self.key = around, key
        for name in self.fixed if key else ():
            del self.fields[name]
        labels = around.kind.labels
        for name, each in self.fields.items():
            each.label = labels[name]
        self.prepare()

    def prepare(self) -> None:
        """Choices that depend on what there is."""

    def must_be_new(self, code: str) -> str:
        if code in self.around.states:
            raise ValidationError(_("代码 %s 已经有了，请换一个") % code)
        return code

    def must_be_only(self, name: str) -> str:
        """No other row in use has this name: whoever chooses by name could not tell them apart."""
        others = [key for key in self.around.names.get(name, ()) if key != self.key]
        if others:
            raise ValidationError(
                _("“%(name)s”已经有了（%(key)s），请写得能分清")
                % {
                    "name": name,
                    "key": others[0],
                }
            )
        return name


class ExactAreaField(AreaField):
    """As `AreaField`, but a code must be a whole one: what is written down here stays."""

    def prepare_value(self, value: Any) -> Any:
        """A bare code with the name beside it."""
        area = locate.known_areas().get(value) if isinstance(value, str) else None
        return f"{area.pk} {name_of(area)}" if area else value

    def clean(self, value: Any) -> str:
        text = str(value or "").strip()
        head = text.split()[0] if text else ""
        if CODE.fullmatch(head) and any(char.isdigit() for char in head):
            if head not in locate.known_areas():
                gone = Area.objects.filter(pk=head).exists()
                raise ValidationError(
                    (_("区域 %s 已停用，请另选一个") if gone else _("没有代码为 %s 的区域")) % head
                )
            return head
        return super().clean(value)


def area_field(*, required: bool = False) -> ExactAreaField:
    return ExactAreaField(max_length=120, required=required, widget=AreaInput)


@dataclass(frozen=True, slots=True)
class Concern:
    """What else a row touches: in words with the number, and whether that is a reason to wait."""

    text: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a list."""

    key: str
    name: str
    note: str = ""
    cells: Sequence[str] = ()
    active: bool = True
    icon: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A table under a list: what its rows come to. `rows` are cells below `heads`."""

    title: str
    heads: Sequence[Any]
    rows: Sequence[Sequence[str]]
    why: str = ""


@dataclass
class Kind:
    """One kind; a subclass for each, in a module of its own.

    `name` stands in addresses and in the history, `labels` are the fields in the order of forms
    and CSV, those that make the key first.
    """

    name: str
    icon: str
    title: Any
    one: Any
    why: Any
    labels: dict[str, Any]
    form: type[SetupForm]
    heads: tuple[Any, ...] = ()
    hints: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, Any] = field(default_factory=dict)
    """What is said of a field in place of "optional"."""
    around: type[Around] = Around
    creates: bool = True
    retires: bool = True
    shows_key: bool = True
    """Whether a row's key says something to people."""

    # --- where it is kept -------------------------------------------------------------------

    def things(self) -> Iterable[Any]:
        """Every row, in the order of lists and exports."""
        raise NotImplementedError

    def unasked(self) -> Iterable[Any]:
        """The rows of a list in which nothing is searched for."""
        return self.things()

    def find(self, key: str) -> Any | None:
        """The row of this key."""
        raise NotImplementedError

    def there(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that have a row, in few queries."""
        return {self.key(thing) for thing in self.things()}.intersection(keys)

    def key(self, thing: Any) -> str:
        return str(thing.code)

    def keys_of(self, thing: Any) -> State:
        """The fields that make the key."""
        return {"code": thing.code}

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        """The key that a line of CSV names; "" for a row that is to get one."""
        return cells.get("code", "")

    def key_of(self, values: State) -> str:
        """The key of a new row of these values; "" where it gets one as it is written."""
        return str(values.get("code", ""))

    def state(self, thing: Any) -> State:
        """The row without what makes its key; `active` where it can be retired."""
        raise NotImplementedError

    def make(self, values: State) -> Any:
        """A new row in the database from a valid form's values."""
        raise NotImplementedError

    def write(self, thing: Any, values: State) -> None:
        """Put a valid form's values, or `active` alone, into the row and the database."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Tell this process that something has changed, where it remembers."""

    # --- how it is shown --------------------------------------------------------------------

    def label(self, thing: Any) -> str:
        """What a row is called, in the language of the page."""
        return name_of(thing) if hasattr(thing, "name_en") else str(thing.name)

    def search_words(self, thing: Any) -> tuple[str, ...]:
        """What a row is found by."""
        return (self.key(thing), str(thing.name), str(getattr(thing, "name_en", "")))

    def rows(self, query: str, which: str, under: str) -> list[Any]:
        """The rows of a list that fit what was typed; `which` is active, retired or all."""
        return [
            thing
            for thing in (self.things() if query else self.unasked())
            if (which == "all" or self.state(thing).get("active", True) == (which == "active"))
            and (not query or fits(query, self.search_words(thing)))
        ]

    def trail(self, code: str) -> list[Any]:
        """What a list's rows are under, for a kind that is a tree."""
        return []

    def listed(self, things: Sequence[Any]) -> list[Listed]:
        """Rows of one page of a list."""
        raise NotImplementedError

    def panels(self) -> list[Panel]:
        """What stands under the list: what the rows come to."""
        return []

    def hint(self, name: str, thing: Any) -> Any:
        """What is said below a field; `thing` is None for a new row."""
        return self.hints.get(name, "")

    def ours(self, thing: Any) -> dict[str, Any]:
        """For a kind whose rows stand in place of ours: `ours` in words, and whether `changed`; for
        one whose rows can be taken away: whether this one `goes`.
        """
        return {}

    def said(self, name: str, value: Any, around: Around) -> str:
        """A field's value in words, for the history and the preview of a file."""
        if value in ("", None, []):
            return _("（空）")
        if isinstance(value, bool):
            return pgettext("value", "是") if value else pgettext("value", "否")
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return _("、").join(value)
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, float):
            return f"{value:g}" if value == int(value) else str(value)
        return str(value)

    def concerns(self, thing: Any) -> list[Concern]:
        """What retiring the row would touch."""
        return []

    def obstacle(self, thing: Any) -> str:
        """Why the row may not be retired now; "" where it may."""
        return ""

    def obstacle_back(self, thing: Any, states: Mapping[str, State] | None = None) -> str:
        """Why the row may not be brought back; "" where it may.

        `states` are the rows of this kind as they will be by then; without it they are as now.
        """
        return ""

    def below(self, thing: Any) -> list[Any]:
        """Rows that are retired together with this one."""
        return []

    def warnings(self) -> list[str]:
        """What is missing, for the index."""
        return []

    def count(self) -> int:
        """How many the list shows first: those in use."""
        raise NotImplementedError

    # --- CSV --------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the CSV, in and out."""
        return (*self.labels, "active") if self.retires else tuple(self.labels)

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that a CSV must have."""
        return tuple(self.form.fixed)

    def missing_in(self, columns: Collection[str]) -> list[str]:
        """Columns that a file lacks."""
        return [name for name in self.needed if name not in columns]

    @property
    def exported(self) -> tuple[str, ...]:
        """Of these, what an export has."""
        return self.columns

    def unknown_in(self, columns: Collection[str]) -> list[str]:
        """Columns of a file that say nothing here."""
        return [name for name in columns if name not in self.columns]

    def gathered(self, rows: Rows, around: Around) -> Rows:
        """The lines of a file as lines of this kind: themselves, for nearly all kinds."""
        return rows

    def cells(self, thing: Any) -> dict[str, str]:
        """The row as text, as the CSV says it and as a form shows it first."""
        return {
            name: cell(value) for name, value in (self.keys_of(thing) | self.state(thing)).items()
        }

    def lines_of(self, cells: dict[str, str]) -> list[dict[str, str]]:
        """The rows that one line of a file makes: itself, for nearly all kinds."""
        return [cells]


def fits(query: str, words: Iterable[str]) -> bool:
    """Whether one of the words holds what was typed, as it is or by its pinyin initials."""
    text = query.lower()
    # Codes and English names have no initials, and readings take time.
    return any(
        text in word.lower() or (text.isascii() and not word.isascii() and text in initials(word))
        for word in words
    )


def cell(value: Any) -> str:
    """A value of a state as a cell's text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return "|".join(value)
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def with_code(name: str, code: str) -> str:
    """A name with its code beside it."""
    return _("%(name)s（%(code)s）") % {"name": name, "code": code}


def label_of(kind: Kind, name: str) -> str:
    """A field's name in words."""
    return str(kind.labels[name]) if name in kind.labels else _FIELDS.get(name, name)


_FIELDS: dict[str, Any] = {
    "active": gettext_lazy("启用"),
    "invited": gettext_lazy("邀请链接"),
    "password": gettext_lazy("用邀请链接设了密码"),
    "second_factor": gettext_lazy("动态码"),
}
"""Fields of the history that no form has."""


def open_cases(found: QuerySet[Appeal]) -> int:
    """How many of these are still to be dealt with."""
    return found.filter(status__in=[status.value for status in OPEN]).count()
