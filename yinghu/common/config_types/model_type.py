"""Configuration types backed by one model."""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Model, QuerySet

from yinghu.common.config_types.config_form import State, natural_key
from yinghu.common.config_types.config_type import ConfigType


class ModelType(ConfigType):
    """A configuration type whose rows are the rows of one model.

    Reading and writing follow from model and fields. A foreign key is represented by its target's
    natural key. The key is made of the form's `fixed` fields, or else the primary key.
    """

    model: ClassVar[type[Model]]
    order: ClassVar[tuple[str, ...]] = ()
    active_attribute: ClassVar[str] = "active"

    @cached_property
    def _columns(self) -> dict[str, "_Column"]:
        found = {
            field.name: self.model._meta.get_field(field.attribute or field.name)
            for field in self.fields
        }
        return {name: _Column(column) for name, column in found.items() if column.concrete}

    def rows(self) -> QuerySet[Any]:
        found = self.model._default_manager.order_by(*self.order)
        related = [column.name for column in self._columns.values() if column.is_joined]
        return found.select_related(*related) if related else found

    def find(self, key: str) -> Any | None:
        if not self.form.fixed:
            is_id = key.isascii() and key.isdigit() and len(key) <= 9
            return self.rows().filter(pk=int(key)).first() if is_id else None
        parts = key.split(":") if len(self.form.fixed) > 1 else [key]
        if len(parts) != len(self.form.fixed):
            return None
        wanted = [
            self._columns[name].condition(part)
            for name, part in zip(self.form.fixed, parts, strict=True)
        ]
        return self.rows().filter(**dict(wanted)).first()

    def existing(self, keys: Collection[str]) -> set[str]:
        if len(self.form.fixed) != 1:
            return super().existing(keys)
        (name,) = self.form.fixed
        found = self.model._default_manager.filter(**{f"{name}__in": keys})
        return set(found.values_list(name, flat=True))

    def key(self, row: Any) -> str:
        return super().key(row) if self.form.fixed else str(row.pk)

    def key_values(self, row: Any) -> State:
        return {name: self._columns[name].read(row) for name in self.form.fixed}

    def state(self, row: Any) -> State:
        state = {
            name: column.read(row)
            for name, column in self._columns.items()
            if name not in self.form.fixed
        }
        return state | ({"active": self.is_active(row)} if self.retires else {})

    def is_active(self, row: Any) -> bool:
        return not self.retires or bool(getattr(row, self.active_attribute))

    def attributes(self, values: State) -> dict[str, Any]:
        found = {
            column.attribute: column.value(values[name])
            for name, column in self._columns.items()
            if name in values
        }
        return found | ({self.active_attribute: values["active"]} if "active" in values else {})

    def new(self, values: State) -> Any:
        return self.model(**self.attributes(values))

    def create(self, values: State) -> Any:
        row = self.new(values)
        row.save(force_insert=True)
        return row

    def create_many(self, many: Sequence[State]) -> list[Any]:
        rows = [self.new(values) for values in many]
        return self.model._default_manager.bulk_create(rows, batch_size=2000)

    def write(self, row: Any, values: State) -> None:
        attributes = self.attributes(values)
        for name, value in attributes.items():
            setattr(row, name, value)
        row.save(update_fields=list(attributes))

    def count(self) -> int:
        found = self.model._default_manager.all()
        return (found.filter(**{self.active_attribute: True}) if self.retires else found).count()


class _Column:
    """Reads and writes a field's value on a model."""

    def __init__(self, field: Any) -> None:
        self.name: str = field.name
        self.target: Any = getattr(field.remote_field, "model", None)
        self.target_key = natural_key(self.target) if self.target else ""
        pk = self.target._meta.pk.name if self.target else ""
        self.is_joined = pk != self.target_key
        self.attribute: str = field.name if self.is_joined else field.attname

    def read(self, row: Any) -> Any:
        if self.target is None:
            return getattr(row, self.name)
        if not self.is_joined:
            return getattr(row, self.attribute) or ""
        related = getattr(row, self.name)
        return getattr(related, self.target_key) if related else ""

    def value(self, value: Any) -> Any:
        if not self.is_joined:
            return value or None if self.target else value
        manager = self.target._default_manager
        return manager.get(**{self.target_key: value}) if value else None

    def condition(self, value: str) -> tuple[str, Any]:
        """Return a filter's lookup and value for this column."""
        if self.target is None:
            return self.name, value
        return (f"{self.name}__{self.target_key}", value) if value else (self.name, None)
