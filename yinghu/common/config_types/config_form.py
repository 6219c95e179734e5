"""Forms of configuration types, which check rows of pages and of imported files alike."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _

from yinghu.common.language import name_of

if TYPE_CHECKING:
    from yinghu.common.config_types.config_type import ConfigType

State = dict[str, Any]

YES = frozenset({"1", "true", "yes", "是", "启用", "在用"})
NO = frozenset({"", "0", "false", "no", "否", "停用"})
"""Accepted spellings of yes and no in a cell."""


class FormContext:
    """Data that forms need beyond their own row; shared by all lines of a file.

    Read on first use. Lines of a file add the rows that they create: a village may follow its town.
    """

    def __init__(self, config_type: "ConfigType") -> None:
        self.type = config_type
        self._remembered: dict[Any, Any] = {}
        self._forms: dict[bool, ConfigForm] = {}

    @cached_property
    def rows(self) -> dict[str, Any]:
        """Every row by its key, as of the first access."""
        return {self.type.key(row): row for row in self.type.rows()}

    @cached_property
    def states(self) -> dict[str, State]:
        """Every row's state by its key."""
        return {key: self.type.state(row) for key, row in self.rows.items()}

    def form(self, key: str, data: Mapping[str, Any]) -> "ConfigForm":
        """The form of a line, shared if possible: making one costs more than its checks."""
        form = self._forms.get(bool(key))
        if form is None:
            form = self.type.form(self, key, data)
            if form.shared:
                self._forms[bool(key)] = form
        else:
            form.key, form.data = key, data
            form.full_clean()
        return form

    def cells(self, key: str) -> dict[str, str]:
        """A row as CSV cells; empty for a row that does not exist yet."""
        return self.type.cells(self.rows[key]) if key in self.rows else {}

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Keys of the active rows by name."""
        found: dict[str, list[str]] = {}
        for key, state in self.states.items():
            if state.get("active", True) and state.get("name"):
                found.setdefault(state["name"], []).append(key)
        return found

    def remember(self, function: Callable[..., Any], *given: Any) -> Any:
        """Return the cached result of a look-up."""
        at = (function, given)
        if at not in self._remembered:
            self._remembered[at] = function(*given)
        return self._remembered[at]

    def all_of(self, model: type[Model]) -> dict[str, Any]:
        """Every row of another table, by its natural key."""
        found: dict[str, Any] = self.remember(_by_key, model)
        return found

    def name_in(self, model: type[Model], key: str) -> str:
        """The name of another table's row; the key itself if there is none."""
        rows = self.all_of(model)
        return name_of(rows[key]) if key in rows else key

    def choices(self, model: type[Model], *, keep: Any = None) -> list[tuple[str, str]]:
        """Form choices: the active rows of another table, and the one with the key `keep`."""
        return [
            (key, name_of(row))
            for key, row in self.all_of(model).items()
            if row.active or key == keep
        ]

    def add(self, key: str, state: State) -> None:
        """Add a new row, or a row's future state, for the lines that follow."""
        before = self.states.get(key, {})
        if before.get("name") and key in self.names.get(before["name"], ()):
            self.names[before["name"]].remove(key)
        self.states[key] = state
        if state.get("active", True) and state.get("name"):
            self.names.setdefault(state["name"], []).append(key)


class ConfigForm(forms.Form):
    """Checks one row, from a page or a line of a file.

    `key` is the row's key, "" for a new row; fields in `fixed` are set on creation only and make
    the key. `cleaned_data` is the row's state without `active`.
    """

    fixed: ClassVar[tuple[str, ...]] = ("code",)
    unique_name: ClassVar[bool] = False
    """Must names of active rows be unique?"""
    shared: ClassVar[bool] = False
    """Are the fields the same for all rows, so that one form can check many lines?"""

    def __init__(
        self,
        context: FormContext,
        key: str = "",
        data: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), auto_id="s-%s")
        self.context, self.key = context, key
        for name in self.fixed if key else ():
            del self.fields[name]
        for name, field in self.fields.items():
            field.label = context.type.field(name).label
        self.prepare()

    def prepare(self) -> None:
        """Set up choices that depend on the database."""

    @property
    def state_now(self) -> State:
        """The row's state before this form; empty for a new row."""
        return self.context.states.get(self.key, {})

    def choose(
        self, name: str, choices: Iterable[tuple[Any, Any]], wrong: str, empty: str | None = None
    ) -> None:
        """Set a field's choices and its message for invalid ones."""
        field = self.fields.get(name)
        if isinstance(field, forms.ChoiceField):  # fixed fields are removed once the row exists
            field.choices = [*([] if empty is None else [("", empty)]), *choices]
            field.error_messages["invalid_choice"] = wrong

    def new_key(self, key: str) -> str:
        """Return the key for a new row; an error if it exists."""
        if key in self.context.states:
            raise ValidationError(_("代码 %s 已经有了，请换一个") % key)
        return key

    def clean_code(self) -> str:
        return self.new_key(self.cleaned_data["code"])

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not self.unique_name:
            return name
        if others := [key for key in self.context.names.get(name, ()) if key != self.key]:
            said = {"name": name, "key": others[0]}
            raise ValidationError(_("“%(name)s”已经有了（%(key)s），请写得能分清") % said)
        return name

    def is_duplicate(self, cleaned: State) -> bool:
        """Does another row have the same identity?"""
        identity = self.context.type.identity_of(cleaned)
        return any(
            key != self.key and self.context.type.identity_of(state) == identity
            for key, state in self.context.states.items()
        )


class CodeField(forms.CharField):
    """A short code of letters, digits, hyphens and underscores."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(max_length=40, required=required)

    def clean(self, value: Any) -> str:
        code = str(super().clean(value))
        if code and not all(char.isascii() and (char.isalnum() or char in "-_") for char in code):
            raise ValidationError(_("代码只用字母、数字、短横和下划线，最多 40 个"))
        return code


def order_field() -> forms.IntegerField:
    """Return a field for the position in a list."""
    return forms.IntegerField(min_value=0, max_value=30_000, initial=100)


def value_label(choices: Any, value: Any) -> str:
    """Return the label of a value in an enumeration or mapping, in the reader's language."""
    if isinstance(choices, Mapping):
        return _(choices[value]) if value in choices else str(value)
    return _(choices(value).label) if value in set(choices) else str(value)


def labelled(choices: Iterable[Any]) -> list[tuple[Any, str]]:
    """Return (value, label) of an enumeration's members, in the reader's language."""
    return [(each.value, _(each.label)) for each in choices]


def natural_key(model: type[Model]) -> str:
    """Return the field that identifies a model's rows on pages and in files."""
    return str(getattr(model, "USERNAME_FIELD", "code"))


def _by_key(model: type[Model]) -> dict[str, Any]:
    key = natural_key(model)
    return {getattr(row, key): row for row in model._default_manager.all()}
