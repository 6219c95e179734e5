"""`Verb`: one row with everything about a verb: who, from which status, fields, clocks, texts.

Packages declare their rows beside the functions (`actions.py`); `yinghu.verbs` collects them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
    """Kind of input for a verb's field, on pages and in the API."""

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
    LINE = "line"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class VerbField:
    """A field of a verb.

    The requester reads `public` texts; others stay internal. `answers` are the labels of yes and no
    for a required boolean. `among` names the choices that depend on the case. A field
    `from_template` is filled by reply templates; no gap of theirs may be left in what staff send.
    """

    name: str
    kind: FieldKind
    label: str
    required: bool = True
    public: bool = False
    answers: tuple[str, str] = (gettext_noop("同意"), gettext_noop("不同意"))
    among: str = ""
    from_template: bool = False


WORDS = VerbField(
    "words", FieldKind.TEXT, gettext_noop("给诉求人的话"), public=True, from_template=True
)
WORDS_OPTIONAL = replace(WORDS, required=False)
WHY = VerbField("why", FieldKind.TEXT, gettext_noop("理由（内部）"))
WHY_OPTIONAL = VerbField("why", FieldKind.TEXT, gettext_noop("说明（内部）"), required=False)
PHOTOS = VerbField("photos", FieldKind.PHOTOS, gettext_noop("照片"), required=False, public=True)


class Privacy(Enum):
    """Who may read that a verb was done."""

    PUBLIC = "public"
    """Everybody, the requester included."""
    PRIVATE = "private"
    """Those who work on the case."""
    INSIDE = "inside"
    """Those who work on the case, without volunteers."""


class Subject(Enum):
    """What a verb's function is called with: the id of a case, or of a leg of an errand."""

    CASE = "case"
    LEG = "leg"


class Audience(Enum):
    """People who are told of an event; `notifications.audience` finds them."""

    UNIT = "the unit"
    HEADS = "its heads"
    HOLDER = "the holder"
    HOLDER_OR_UNIT = "the holder, else the unit"
    NEW_HOLDER = "whom it was handed to"
    WORKERS = "those who work on it: the holder, else the unit, else its desk"
    WORKERS_IF_DISSATISFIED = "the same, if the requester is not satisfied"
    WORKERS_IF_NOT_TOLD = "the same, unless they were told of the rating that reopened it"
    ALARM_DESKS = "each of the desks that see alarms; the administrators if there is no command"
    DISPATCHERS = "the dispatch desk"
    DISPATCHERS_IF_ASKED = "the dispatch desk, if it has to rule"
    SUPERVISORS = "the supervisors, else the command"
    COMMAND = "the command, else the administrators"
    ASKING_UNIT = "the unit whose request was ruled on"
    INVITED_UNITS = "the units asked for help"
    RAISED_TO = "the unit that has to accept it, the one before, and who leads"
    CHASED_LEVEL = "the level that a chasing step names, or the next one above"
    ASKING_UNITS = "the units that waited for one that was retired"
    SUMMONED_UNITS = "the units called by a whistle"
    WHISTLERS = "the unit that whistled"
    SHARING_UNITS = "the task force it is shared with"
    NAMED_CONTACTS = "the contacts of both sides"
    UNITS_WITHOUT_CONTACT = "the units of both sides that have none"
    HELPERS = "the helpers whom the facts name"
    OFFERED_HELPERS = "the helpers who were asked"
    HELPER_FINDERS = "those who have to find a helper"
    HEADS_IF_NO_ANSWER = "the heads, if a helper does not answer"
    HOLDER_OR_UNIT_IF_OWED = "the holder, else the unit, if goods or money are to be settled"


class ClockChanges(NamedTuple):
    """Kinds of clock that a verb starts, stops, pauses and resumes."""

    start: tuple[ClockKind, ...] = ()
    stop: tuple[ClockKind, ...] = ()
    pause: tuple[ClockKind, ...] = ()
    resume: tuple[ClockKind, ...] = ()


NO_CHANGES = ClockChanges()


class NewLimits(Enum):
    """Which clocks of a case follow the limits of its new category or urgency."""

    NONE = "none"
    RUNNING = "those that run"
    ALL = "those that have stopped too, so that rates count by the limits that were right"


AdjustClocks = Callable[
    [ClockChanges, "Appeal", Status, Mapping[str, Any]],
    ClockChanges,
]
"""Adjusts a row's changes, given the case with its new columns, the status before and the facts."""

EventText = Callable[["Event"], str]


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb. Texts are Chinese msgids.

    Rules: `sources` are the statuses from which it is done, `target` the one that follows (None:
    unchanged); from `rests_from` the case goes to its `states.resting_status`. `needs` is a kind of
    clock that must be running: for kinds that units have their own of, one of the actor's units, or
    of any unit (`any_unit`). `flag` is a column that must be true. `clocks` are the changes to
    clocks, adjusted per case by `adjust_clocks`; `new_limits` says which clocks follow the limits
    of a changed category or urgency. A step of an `errand` leaves clocks and status alone.
    `subject` is what the function is called with.

    Texts: `label` is the button, `done` the past tense for staff (`done_as` if that depends on the
    event), `told` what the requester reads, `detail` what staff read beside it.

    `audience` are those who are told, in this order; without one the verb shows in live lists only.
    Reactions to a verb `at_alarm` do not wait for others. Words that are `read_for_danger` may
    raise an alarm.

    Pages: `icon`; `key`, the shortcut; `first_at`, the status at which its form is open; `pressing`
    ranks what others wait for (1 first, 0 not); an `ending` verb has a plain button; `at_once`
    needs no typing; a `hurried` one sets others a deadline; `for_requester`: staff record what the
    requester said; `lists` are further desks whose list it changes; `after` is the verb behind
    whose button it stands (default: order of declaration); `pages_only`: not in the API, because
    only a page can supply its arguments.
    """

    name: str
    label: str
    done: _StrPromise
    icon: str
    who: frozenset[Who]
    sources: frozenset[Status]
    target: Status | None = None
    rests_from: frozenset[Status] = frozenset()
    fields: tuple[VerbField, ...] = ()
    clocks: ClockChanges = NO_CHANGES
    adjust_clocks: AdjustClocks | None = None
    new_limits: NewLimits = NewLimits.NONE
    needs: ClockKind | None = None
    any_unit: bool = False
    flag: str = ""
    errand: bool = False
    subject: Subject = Subject.CASE
    privacy: Privacy = Privacy.PUBLIC
    audience: tuple[Audience, ...] = ()
    at_alarm: bool = False
    read_for_danger: bool = False
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
        """Is it done only by the platform, without a page or API call?"""
        return self.who == {Who.SYSTEM}

    def action(self, function: Action) -> Action:
        """Attach the function that does the verb; a decorator."""
        object.__setattr__(self, "function", function)
        return function

    def perform(self, subject_id: int, actor: Any, **given: Any) -> Event:
        """Do the verb to its `subject`."""
        if self.function is None:
            raise TypeError(f"{self.name} has no function")
        event: Event = self.function(subject_id, actor, **given)
        return event

    def done_by(self, event: Event) -> str:
        """Text for staff: what was done."""
        return self.done_as(event) if self.done_as else str(self.done)

    def told_of(self, event: Event) -> str:
        """Text for the requester, which names units but never people."""
        return self.told(event) if self.told else _(self.label)

    def detail_of(self, event: Event) -> str:
        """One more line for staff."""
        return self.detail(event) if self.detail else ""


BY_ITSELF: set[str] = set()
"""Names of verbs that only the platform does; filled as rows are declared, used by `move`."""
