"""What a row of MOVES is made of: a field that a verb takes, and the row itself.

It imports nothing of ours but the words of an appeal, and nothing of Django's.
"""

from dataclasses import dataclass
from enum import StrEnum

from yinghu.appeals.states import ClockKind, Status, Verb, Who


def _(label: str) -> str:
    """Marks a label for the translators; it is translated where it is shown."""
    return label


class FieldKind(StrEnum):
    """How a field of a verb is typed, on a page and in the API."""

    TEXT = "text"
    CATEGORY = "category"
    KLASS = "klass"
    AREA = "area"
    URGENCY = "urgency"
    UNIT = "unit"
    USER = "user"
    APPEAL = "appeal"
    BOOL = "bool"
    SATISFACTION = "satisfaction"
    TIME = "time"
    PHOTOS = "photos"
    UNITS = "units"
    NAMED = "named"
    OCCASION = "occasion"
    POINT = "point"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a verb takes.

    `public` words are shown to the requester; every other text stays inside. `answers` are the
    labels of yes and no, where a truth is required. `among` names the choices that only some cases
    have, where a page knows them.
    """

    name: str
    kind: FieldKind
    label: str
    required: bool = True
    public: bool = False
    answers: tuple[str, str] = (_("同意"), _("不同意"))
    among: str = ""


WORDS = Field("words", FieldKind.TEXT, _("给诉求人的话"), public=True)
WORDS_OPTIONAL = Field("words", FieldKind.TEXT, _("给诉求人的话"), required=False, public=True)
WHY = Field("why", FieldKind.TEXT, _("理由（内部）"))
WHY_OPTIONAL = Field("why", FieldKind.TEXT, _("说明（内部）"), required=False)
NAMED = Field("unit", FieldKind.NAMED, _("单位"))
SPEAKER = Field("unit", FieldKind.NAMED, _("代表哪个单位"), required=False)
PHOTOS = Field("photos", FieldKind.PHOTOS, _("照片"), required=False, public=True)


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table: from where, to where, by whom, with what, and which clocks it moves.

    `target` None means that the status stays; verbs in `BY_REST` go where the appeal rests
    (`resting_status`). `pause` and `resume` hold for every running clock of the kinds. `needs` is a
    kind of which a clock must be running: that of a unit of the actor's, where units have their
    own, or that of any unit (`any_unit`). `flag` is a column that must be true. `of_leg`: done to a
    leg of an errand, by a function of `dispatch.legs`, with pages of its own.
    """

    verb: Verb
    sources: frozenset[Status]
    target: Status | None
    who: frozenset[Who]
    fields: tuple[Field, ...] = ()
    start: tuple[ClockKind, ...] = ()
    stop: tuple[ClockKind, ...] = ()
    pause: tuple[ClockKind, ...] = ()
    resume: tuple[ClockKind, ...] = ()
    needs: ClockKind | None = None
    any_unit: bool = False
    flag: str = ""
    of_leg: bool = False
