"""Types of the API's input values, with their limits, for pydantic."""

from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import AfterValidator, AwareDatetime, Field, StrictBool, StringConstraints

from yinghu.api.problems import validation_error
from yinghu.appeals.moving import MAX_WORDS
from yinghu.appeals.states import Klass, Occasion, Satisfaction, Urgency
from yinghu.appeals.verb import FieldKind


def storable(text: str) -> str:
    """Reject text with NUL, the one character that PostgreSQL cannot store."""
    if "\x00" in text:
        raise validation_error("bad_text", _("文字里有不能保存的字符"))
    return text


Storable = AfterValidator(storable)


def text_limits(longest: int, shortest: int = 0) -> StringConstraints:
    """Constrain a string to `shortest` to `longest` characters, stripped."""
    return StringConstraints(
        strict=True, strip_whitespace=True, min_length=shortest, max_length=longest
    )


Words = Annotated[str, text_limits(MAX_WORDS), Storable]
WordsNeeded = Annotated[str, text_limits(MAX_WORDS, 1), Storable]
Line = Annotated[str, text_limits(200), Storable]
LineNeeded = Annotated[str, text_limits(200, 1), Storable]
Short = Annotated[str, text_limits(60), Storable]
Code = Annotated[str, text_limits(60, 1), Storable]

_TYPES: dict[FieldKind, Any] = {
    FieldKind.TEXT: Words,
    FieldKind.CATEGORY: Code,
    FieldKind.KLASS: Literal[tuple(k.value for k in Klass)],
    FieldKind.AREA: Code,
    FieldKind.URGENCY: Annotated[
        int, Field(strict=True, ge=min(Urgency).value, le=max(Urgency).value)
    ],
    FieldKind.UNIT: Code,
    FieldKind.USER: Code,
    FieldKind.APPEAL: Annotated[Code, Field(examples=["0000-0123-4"])],
    FieldKind.BOOL: StrictBool,
    FieldKind.SATISFACTION: Literal[tuple(s.value for s in Satisfaction)],
    FieldKind.TIME: AwareDatetime,
    FieldKind.NAMED: Code,
    FieldKind.UNITS: list[Code],
    FieldKind.OCCASION: Literal[tuple(o.value for o in Occasion)],
    FieldKind.MONEY: Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)],
    FieldKind.POINT: Annotated[Line, Field(examples=["120.0754,29.3062"])],
    FieldKind.LINE: Line,
    FieldKind.PHONE: Annotated[Line, Field(examples=["13812345678"])],
}
"""Type of each kind of a verb's fields."""


def field_type(kind: FieldKind, *, required: bool) -> Any:
    """Return the type of a verb's field; required words may not be empty."""
    return WordsNeeded if required and kind is FieldKind.TEXT else _TYPES[kind]
