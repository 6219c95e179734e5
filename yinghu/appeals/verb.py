"""A row for each verb: who may do it from which status, what it takes, moves and is called.

Each package declares its rows beside their functions (`actions.py`); `yinghu.verbs` collects them
for pages, API, notifications and documents. A new verb is one row with its function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from yinghu.appeals.states import ClockKind, Status, Who

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from yinghu.appeals.models import Appeal, Event

Action = TypeVar("Action", bound=Callable[..., Any])


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
    MONEY = "money"


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
    answers: tuple[str, str] = (gettext_noop("同意"), gettext_noop("不同意"))
    among: str = ""


WORDS = Field("words", FieldKind.TEXT, gettext_noop("给诉求人的话"), public=True)
WORDS_OPTIONAL = Field(
    "words", FieldKind.TEXT, gettext_noop("给诉求人的话"), required=False, public=True
)
WHY = Field("why", FieldKind.TEXT, gettext_noop("理由（内部）"))
WHY_OPTIONAL = Field("why", FieldKind.TEXT, gettext_noop("说明（内部）"), required=False)
PHOTOS = Field("photos", FieldKind.PHOTOS, gettext_noop("照片"), required=False, public=True)


class Privacy(Enum):
    """Who reads that a verb was done."""

    PUBLIC = "public"
    """The requester, too."""
    PRIVATE = "private"
    """Those who work on the case."""
    INSIDE = "inside"
    """Of these not volunteers, to whom it would say nothing without its reason."""


class Subject(Enum):
    """What the function of a verb is called with: the id of a case, or of a leg of an errand."""

    CASE = "case"
    LEG = "leg"


class ClockChanges(NamedTuple):
    """The kinds of clock that a verb starts, stops, pauses and resumes."""

    start: tuple[ClockKind, ...] = ()
    stop: tuple[ClockKind, ...] = ()
    pause: tuple[ClockKind, ...] = ()
    resume: tuple[ClockKind, ...] = ()


NO_CHANGES = ClockChanges()

AdjustClocks = Callable[
    [ClockChanges, "Appeal", Status, Mapping[str, Any]],
    ClockChanges,
]
"""From what a row says to what holds for one case: given the row's changes, the case with its new
columns, the status before and the event's facts.
"""

EventText = Callable[["Event"], str]


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """One row. Texts are Chinese and translated where they are shown.

    Rules:
    `sources` are the statuses from which it is done; `target` is the one that follows, None where
    it stays; from those in `rests_from` the case goes where it rests (`states.resting_status`).
    `needs` is a kind of which a clock must be running: that of a unit of the actor's, where units
    have their own, or of any unit (`any_unit`). `flag` is a column that must be true. `clocks` is
    what it does to the clocks, `adjust_clocks` where that depends on the case, and `new_limits`
    reckons running clocks by the limits that now hold. A step of an `errand` leaves clocks and
    status alone. `subject` is what the function is called with.

    Words:
    `label` is the button, `done` the past tense for staff (`done_as` where that depends on the
    event), `told` what the requester reads and `detail` what staff read beside it.

    Pages:
    `icon`; the `key` that opens its form; its form lies open `first_at` a status; `pressing` ranks
    what others wait for (1 first, 0 not); the button of an `ending` verb does not invite; `at_once`
    needs no typing; a `hurried` one sets others a deadline; `for_requester`: staff write down what
    the requester said; `lists` are desks whose list it changes beside those of its statuses. It
    stands behind the button of the verb `after`, else in the order of declaration. `pages_only`:
    its function takes what only a page can make, so that the API does not serve it.
    """

    name: str
    label: str
    done: _StrPromise
    icon: str
    who: frozenset[Who]
    sources: frozenset[Status]
    target: Status | None = None
    rests_from: frozenset[Status] = frozenset()
    fields: tuple[Field, ...] = ()
    clocks: ClockChanges = NO_CHANGES
    adjust_clocks: AdjustClocks | None = None
    new_limits: bool = False
    needs: ClockKind | None = None
    any_unit: bool = False
    flag: str = ""
    errand: bool = False
    subject: Subject = Subject.CASE
    privacy: Privacy = Privacy.PUBLIC
    done_as: EventText | None = None
    told: EventText | None = None
    detail: EventText | None = None
    key: str = ""
    first_at: Status | None = None
    pressing: int = 0
    ending: bool = False
    at_once: bool = False
    hurried: bool = False
    for_requester: bool = False
    lists: frozenset[str] = frozenset()
    after: str = ""
    pages_only: bool = False
    function: Callable[..., Any] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.by_itself:
            BY_ITSELF.add(self.name)

    def __str__(self) -> str:
        return self.name

    @property
    def by_itself(self) -> bool:
        """Whether only the platform does it: no page and no API call."""
        return self.who == {Who.SYSTEM}

    def action(self, function: Action) -> Action:
        """Attach the function that does it; a decorator."""
        object.__setattr__(self, "function", function)
        return function

    def perform(self, subject_id: int, actor: Any, **given: Any) -> Event:
        """Do it to a case, or to a leg: see `subject`."""
        if self.function is None:
            raise TypeError(f"nobody does {self.name} by hand")
        event: Event = self.function(subject_id, actor, **given)
        return event

    def done_by(self, event: Event) -> str:
        """What was done, for staff."""
        return self.done_as(event) if self.done_as else str(self.done)

    def told_of(self, event: Event) -> str:
        """What was done, as its requester reads it: units, never people."""
        return self.told(event) if self.told else _(self.label)

    def detail_of(self, event: Event) -> str:
        """What else the event says, in one line, for staff."""
        return self.detail(event) if self.detail else ""


BY_ITSELF: set[str] = set()
"""Names of the verbs that only the platform does. Known from the rows as they are declared: the
guard of `move` asks, below the packages whose verbs these are.
"""
