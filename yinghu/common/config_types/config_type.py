"""Configuration types: the tables that a city edits, each described once.

Pages, CSV files, the demo loader and commands work on these descriptions through
`yinghu.administration`. A row's state is a dict of JSON values, identical whether it was read from
the database, a valid form or a line of CSV; comparisons, history and exports all use it.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from yinghu.common.chinese import fold_text
from yinghu.common.config_types.config_form import ConfigForm, FormContext, State, value_label
from yinghu.common.language import name_of
from yinghu.common.pinyin import initials

Rows = Sequence[tuple[int, dict[str, str]]]
"""Lines of a file: the line number and the cells by column."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a configuration type: a form field and a CSV column.

    `note` replaces the word "optional" on the form. A value is displayed by `show`, as a label of
    the enumeration `choices`, as the name of a row of `target`, or as it is; an empty one as
    `empty`. `attribute` is the model's name for the field if it differs.
    """

    name: str
    label: Any
    hint: Any = ""
    note: Any = ""
    choices: Any = None
    target: type[Model] | None = None
    show: Callable[[Any, FormContext], str] | None = None
    empty: Any = ""
    attribute: str = ""

    def display(self, value: Any, context: FormContext) -> str:
        if value in ("", None, []):
            return str(self.empty or _("（空）"))
        if self.show:
            return self.show(value, context)
        if self.choices:
            return value_label(self.choices, value)
        return context.name_in(self.target, value) if self.target else _plain(value)


_UNLISTED = {
    "active": Field("active", gettext_lazy("启用")),
    "invited": Field("invited", gettext_lazy("邀请链接")),
    "password": Field("password", gettext_lazy("用邀请链接设了密码")),
    "second_factor": Field("second_factor", gettext_lazy("动态码")),
}
"""Fields that occur only in the history."""


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row of a list page. `is_parent`: its name leads to the rows below it."""

    key: str
    name: str
    note: str = ""
    cells: Sequence[str] = ()
    active: bool = True
    icon: str = ""
    is_parent: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A table below a list, computed from its rows; `rows` are cells below `heads`."""

    title: str
    heads: Sequence[Any]
    rows: Sequence[Sequence[str]]
    why: str = ""


class ConfigType:
    """A configuration type. `name` appears in addresses and in the history."""

    name: ClassVar[str]
    icon: ClassVar[str]
    title: ClassVar[Any]
    one: ClassVar[Any]
    """Name of a single row."""
    why: ClassVar[Any]
    """Purpose, in one sentence."""
    fields: ClassVar[tuple[Field, ...]]
    """In the order of forms and CSV; key fields first."""
    form: ClassVar[type[ConfigForm]]
    context: ClassVar[type[FormContext]] = FormContext
    identity: ClassVar[tuple[str, ...]] = ()
    """Fields by which a CSV line finds its row, if the key has no meaning outside."""
    needed: ClassVar[tuple[str, ...]] = ()
    """Columns that a CSV must have, if other than the key's."""
    heads: ClassVar[tuple[Any, ...]] = ()
    """Column heads of the list, beside the name."""
    row_icon: ClassVar[str] = ""
    creates: ClassVar[bool] = True
    retires: ClassVar[bool] = True
    shows_key: ClassVar[bool] = True
    """Is the key meaningful to users?"""

    def bind(
        self,
        key: str = "",
        data: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> ConfigForm:
        """The form of a row, or of a new one."""
        return self.form(self.context(self), key, data, initial)

    # --- storage ----------------------------------------------------------------------------

    def rows(self) -> Iterable[Any]:
        """Every row, in the order of lists and exports."""
        raise NotImplementedError

    def default_rows(self) -> Iterable[Any]:
        """The rows of a list without a search."""
        return self.rows()

    def find(self, key: str) -> Any | None:
        return next((row for row in self.rows() if self.key(row) == key), None)

    def existing(self, keys: Collection[str]) -> set[str]:
        """Return the keys that exist, in few queries."""
        return {self.key(row) for row in self.rows()}.intersection(keys)

    def key_values(self, row: Any) -> State:
        raise NotImplementedError

    def key(self, row: Any) -> str:
        return self.key_for(self.key_values(row))

    def key_for(self, values: Mapping[str, Any]) -> str:
        """Return the key of a new row with these values; "" if it is assigned on writing."""
        return ":".join(str(values.get(name) or "") for name in self.form.fixed)

    def key_in(self, cells: Mapping[str, str], context: FormContext) -> str:
        """Return the key that a CSV line names; "" for a row without a key yet."""
        if not self.identity:
            return self.key_for(cells)
        wanted = self.identity_of(cells)
        found = (key for key, state in context.states.items() if self.identity_of(state) == wanted)
        return next(found, "")

    def identity_of(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(cell(values.get(name)) for name in self.identity)

    def state(self, row: Any) -> State:
        """Return the row's values without its key; with `active` if it can be retired."""
        raise NotImplementedError

    def create(self, values: State) -> Any:
        """Write a new row from a valid form's values."""
        raise NotImplementedError

    def create_many(self, many: Sequence[State]) -> list[Any]:
        return [self.create(values) for values in many]

    def write(self, row: Any, values: State) -> None:
        """Write a valid form's values, or `active` alone, to the row."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Drop this process's caches after a committed change."""

    # --- display ----------------------------------------------------------------------------

    def field(self, name: str) -> Field:
        return self._fields.get(name) or _UNLISTED.get(name) or Field(name, name)

    @cached_property
    def _fields(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    def label_of(self, name: str) -> str:
        return str(self.field(name).label)

    def label(self, row: Any) -> str:
        """Return the row's name in the reader's language."""
        return name_of(row) if hasattr(row, "name_en") else str(row.name)

    def search_words(self, row: Any) -> tuple[str, ...]:
        """Return the words by which search finds a row."""
        return (self.key(row), str(row.name), str(getattr(row, "name_en", "")))

    def search(self, query: str, which: str, under: str) -> list[Any]:
        """The rows of a list that match the query; `which` is active, retired or all."""
        return [
            row
            for row in (self.rows() if query else self.default_rows())
            if (which == "all" or self.is_active(row) == (which == "active"))
            and (not query or matches(query, self.search_words(row)))
        ]

    def is_active(self, row: Any) -> bool:
        return bool(self.state(row).get("active", True))

    def trail(self, code: str) -> list[Any]:
        """The rows above those of a list, for a type that is a tree."""
        return []

    def listed(self, rows: Sequence[Any]) -> list[ListedRow]:
        return [
            ListedRow(
                self.key(row),
                self.heading(row),
                self.note(row),
                cells,
                self.is_active(row),
                self.icon_of(row),
            )
            for row, cells in zip(rows, self.list_cells(rows), strict=True)
        ]

    def heading(self, row: Any) -> str:
        return self.label(row)

    def note(self, row: Any) -> str:
        """Return the text beside the name in a list."""
        return self.key(row) if self.shows_key else ""

    def icon_of(self, row: Any) -> str:
        return self.row_icon

    def list_cells(self, rows: Sequence[Any]) -> list[Sequence[str]]:
        """Return each row's cells below `heads`."""
        return [()] * len(rows)

    def panels(self) -> list[Panel]:
        return []

    def hint(self, name: str, row: Any) -> Any:
        """The help text of a form field; `row` is None for a new row."""
        return self.field(name).hint

    def extras(self, row: Any) -> dict[str, Any]:
        """Extra context for the row's page: `ours` (our default) and `changed` where rows replace
        defaults; `goes` if the row can be removed."""
        return {}

    def display_value(self, name: str, value: Any, context: FormContext) -> str:
        """Return a field's value as text, for the history and previews."""
        return self.field(name).display(value, context)

    def retire_obstacle(self, row: Any) -> str:
        """Return why the row may not be retired now; "" if it may."""
        return ""

    def restore_obstacle(self, row: Any, states: Mapping[str, State] | None = None) -> str:
        """Return why the row may not be restored, given the future `states`; "" if it may."""
        return ""

    def below(self, row: Any) -> list[Any]:
        """Rows that are retired together with this one."""
        return []

    def warnings(self) -> list[str]:
        """Return hints on missing configuration, for the index."""
        return []

    def count(self) -> int:
        """Count the rows in use."""
        raise NotImplementedError

    # --- CSV --------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns that a file may have."""
        return (*(field.name for field in self.fields), *(["active"] if self.retires else []))

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that a file must have."""
        return self.needed or self.form.fixed

    @property
    def exported(self) -> tuple[str, ...]:
        return self.columns

    def missing_in(self, columns: Collection[str]) -> list[str]:
        return [name for name in self.required if name not in columns]

    def unknown_in(self, columns: Collection[str]) -> list[str]:
        return [name for name in columns if name not in self.columns]

    def merge_lines(self, rows: Rows, context: FormContext) -> Rows:
        """The lines of a file as lines of this type, if several may make one row."""
        return rows

    def split_line(self, cells: dict[str, str]) -> list[dict[str, str]]:
        """The rows of one line, if a line may make several."""
        return [cells]

    def cells(self, row: Any) -> dict[str, str]:
        """The row as text: its CSV cells and its form's initial values."""
        return {
            name: cell(value) for name, value in (self.key_values(row) | self.state(row)).items()
        }


def matches(query: str, words: Iterable[str]) -> bool:
    """Does one of the words contain the query, literally or as pinyin initials?"""
    text = fold_text(query)
    # Codes and English names have no initials, and the look-up is slow.
    return any(
        text in fold_text(word)
        or (text.isascii() and not word.isascii() and text in initials(word))
        for word in words
    )


def cell(value: Any) -> str:
    """Format a state's value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return "|".join(value)
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return pgettext("value", "是") if value else pgettext("value", "否")
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return _("、").join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:g}" if value == int(value) else str(value)
    return str(value)


def with_code(name: str, code: str) -> str:
    """Format a name with its code."""
    return _("%(name)s（%(code)s）") % {"name": name, "code": code}


def few(names: Sequence[str], most: int = 5) -> str:
    """Join the first few names, and say that there are more."""
    said = _("、").join(names[:most])
    return (
        _("%(names)s 等 %(n)d 个") % {"names": said, "n": len(names)} if len(names) > most else said
    )
