"""The statuses and verbs of an appeal, and the one table that joins them: MOVES.

Guards, buttons, the API's schema, the generated diagram and the tests all read this table, so it
imports nothing of ours and nothing of Django's. A label is Chinese and is translated where it is
shown.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self


def _(label: str) -> str:
    """Marks a label for the translators; it is translated where it is shown."""
    return label


class Labelled(StrEnum):
    """A string enum whose members carry their Chinese label beside them."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class Status(Labelled):
    """In whose hands an appeal is."""

    FILED = "filed", _("待研判")
    SORTED = "sorted", _("待派单")
    ASSIGNED = "assigned", _("待接单")
    HANDLING = "handling", _("办理中")
    WAITING = "waiting", _("待补充")
    RESOLVED = "resolved", _("待评价")
    CLOSED = "closed", _("已销号")
    MERGED = "merged", _("已并单")
    DECLINED = "declined", _("不予受理")
    WITHDRAWN = "withdrawn", _("已撤回")


OPEN = frozenset({Status.FILED, Status.SORTED, Status.ASSIGNED, Status.HANDLING, Status.WAITING})
"""Somebody still has to do something so that the requester is helped."""

ENDED = frozenset({Status.CLOSED, Status.MERGED, Status.DECLINED, Status.WITHDRAWN})
"""Nobody holds it; only `reopen` brings it back."""


class Klass(Labelled):
    """The three classes of an appeal, as study and judgement (研判) tells them apart."""

    POLICY = "policy", _("政策解答")
    OPINION = "opinion", _("舆情处置")
    NEED = "need", _("社情需求")


class Urgency(IntEnum):
    """How soon: 1 within the ordinary limits, 2 today, 3 danger to life or property."""

    label: str

    def __new__(cls, value: int, label: str = "") -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    NORMAL = 1, _("一般")
    URGENT = 2, _("紧急")
    EMERGENCY = 3, _("危急")


class Satisfaction(Labelled):
    """How satisfied; weighs 1, 0.9 and 0 in the satisfied rate (Beijing-style three rates)."""

    SATISFIED = "yes", _("满意")
    FAIRLY = "fairly", _("基本满意")
    UNSATISFIED = "no", _("不满意")


class ClockKind(Labelled):
    """The six first-times (六个第一时间), each a clock with its own limit."""

    RECEIVE = "receive", _("接收")
    DISPATCH = "dispatch", _("派单")
    RESPOND = "respond", _("响应")
    ARRIVE = "arrive", _("到场")
    SOLVE = "solve", _("解决")
    FEEDBACK = "feedback", _("反馈")


class Who(Labelled):
    """What an actor is to one appeal; `people.access.relations` says which of these hold."""

    REQUESTER = "requester", _("诉求人")
    TRIAGE = "triage", _("研判")
    DISPATCH = "dispatch", _("派单")
    HANDLER = "handler", _("承办单位")
    VOLUNTEER = "volunteer", _("志愿者")
    HEAD = "head", _("单位负责人")
    HOLDER = "holder", _("承办人")
    CALLBACK = "callback", _("回访")
    COMMAND = "command", _("指挥中心")
    SYSTEM = "system", _("系统")


class Verb(Labelled):
    """What can be done to an appeal; each is a function of the same name in `loop.py`."""

    FILE = "file", _("提交")
    SORT = "sort", _("研判")
    ANSWER = "answer", _("答复")
    ASSIGN = "assign", _("派单")
    ACCEPT = "accept", _("接单")
    HAND = "hand", _("转交")
    RELEASE = "release", _("放回")
    RETURN = "return", _("退单")
    ASK = "ask", _("请补充")
    SUPPLY = "supply", _("补充")
    REPORT = "report", _("报进展")
    NOTE = "note", _("内部备注")
    URGE = "urge", _("催办")
    EXTEND = "extend", _("延期")
    ESCALATE = "escalate", _("提级")
    RESOLVE = "resolve", _("办结")
    RATE = "rate", _("评价")
    REOPEN = "reopen", _("重办")
    CLOSE = "close", _("销号")
    MERGE = "merge", _("并单")
    DECLINE = "decline", _("不予受理")
    WITHDRAW = "withdraw", _("撤回")


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


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a verb takes.

    `public` words are shown to the requester; every other text stays inside.
    """

    name: str
    kind: FieldKind
    label: str
    required: bool = True
    public: bool = False


WORDS = Field("words", FieldKind.TEXT, _("给诉求人的话"), public=True)
WORDS_OPTIONAL = Field("words", FieldKind.TEXT, _("给诉求人的话"), required=False, public=True)
WHY = Field("why", FieldKind.TEXT, _("理由（内部）"))
WHY_OPTIONAL = Field("why", FieldKind.TEXT, _("说明（内部）"), required=False)
PHOTOS = Field("photos", FieldKind.PHOTOS, _("照片"), required=False, public=True)


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table: from where, to where, by whom, with what, and which clocks it moves.

    `target` None means that the status stays; verbs in `BY_REST` go where the appeal rests
    (`resting_status`). `pause` and `resume` hold for every running clock of the kinds.
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


_DESKS = frozenset({Who.TRIAGE, Who.DISPATCH, Who.COMMAND})
_UNIT = frozenset({Who.HANDLER, Who.HEAD, Who.HOLDER})
_STAFF = _DESKS | _UNIT | {Who.CALLBACK, Who.VOLUNTEER}
_ALL = frozenset(Status)
_HELD = frozenset({Status.ASSIGNED, Status.HANDLING})
_CLOCKS = tuple(ClockKind)
_PAUSABLE = (
    ClockKind.RECEIVE,
    ClockKind.DISPATCH,
    ClockKind.RESPOND,
    ClockKind.ARRIVE,
    ClockKind.SOLVE,
)

MOVES: dict[Verb, Move] = {
    move.verb: move
    for move in (
        Move(
            Verb.FILE,
            frozenset(),
            Status.FILED,
            frozenset({Who.REQUESTER, Who.TRIAGE, Who.CALLBACK, Who.SYSTEM}),
            start=(ClockKind.RECEIVE, ClockKind.SOLVE),
        ),
        Move(
            Verb.SORT,
            frozenset({Status.FILED, Status.SORTED}),
            Status.SORTED,
            _DESKS | {Who.SYSTEM},
            (
                Field("category", FieldKind.CATEGORY, _("类别")),
                Field("klass", FieldKind.KLASS, _("性质"), required=False),
                Field("area", FieldKind.AREA, _("地点"), required=False),
                Field("urgency", FieldKind.URGENCY, _("紧急程度"), required=False),
                WHY_OPTIONAL,
            ),
            start=(ClockKind.DISPATCH,),
            stop=(ClockKind.RECEIVE,),
        ),
        Move(
            Verb.ANSWER,
            frozenset({Status.FILED, Status.SORTED}),
            Status.RESOLVED,
            _DESKS | {Who.CALLBACK},
            (WORDS, WHY_OPTIONAL),
            start=(ClockKind.FEEDBACK,),
            stop=_PAUSABLE,
        ),
        Move(
            Verb.ASSIGN,
            frozenset({Status.SORTED, Status.ASSIGNED, Status.HANDLING}),
            Status.ASSIGNED,
            frozenset({Who.DISPATCH, Who.COMMAND, Who.SYSTEM}),
            (Field("unit", FieldKind.UNIT, _("承办单位")), WHY_OPTIONAL),
            start=(ClockKind.RESPOND,),
            stop=(ClockKind.DISPATCH, ClockKind.ARRIVE),
        ),
        Move(
            Verb.ACCEPT,
            frozenset({Status.ASSIGNED}),
            Status.HANDLING,
            frozenset({Who.HANDLER, Who.HEAD, Who.VOLUNTEER}),
            (WORDS_OPTIONAL,),
            start=(ClockKind.ARRIVE,),
            stop=(ClockKind.RESPOND,),
        ),
        Move(
            Verb.HAND,
            _HELD,
            Status.HANDLING,
            frozenset({Who.HANDLER, Who.HEAD}),
            (Field("user", FieldKind.USER, _("转给谁")), WHY_OPTIONAL),
            start=(ClockKind.ARRIVE,),
            stop=(ClockKind.RESPOND,),
        ),
        Move(
            Verb.RELEASE,
            frozenset({Status.HANDLING}),
            Status.ASSIGNED,
            frozenset({Who.HOLDER, Who.HEAD, Who.DISPATCH, Who.COMMAND, Who.SYSTEM}),
            (WHY,),
            start=(ClockKind.RESPOND,),
            stop=(ClockKind.ARRIVE,),
        ),
        Move(
            Verb.RETURN,
            _HELD,
            Status.SORTED,
            frozenset({Who.HANDLER, Who.HEAD}),
            (WHY,),
            start=(ClockKind.DISPATCH,),
            stop=(ClockKind.RESPOND, ClockKind.ARRIVE),
        ),
        Move(
            Verb.ASK,
            frozenset({Status.FILED, Status.SORTED, Status.ASSIGNED, Status.HANDLING}),
            Status.WAITING,
            _DESKS | _UNIT,
            (WORDS,),
            pause=_PAUSABLE,
        ),
        Move(
            Verb.SUPPLY,
            OPEN,
            None,
            _UNIT | {Who.REQUESTER, Who.CALLBACK},
            (WORDS, PHOTOS),
            resume=_PAUSABLE,
        ),
        Move(
            Verb.REPORT,
            frozenset({Status.HANDLING}),
            None,
            _UNIT,
            (WORDS, PHOTOS, Field("arrived", FieldKind.BOOL, _("已到场"), required=False)),
        ),
        Move(Verb.NOTE, _ALL, None, _STAFF, (WHY,)),
        Move(
            Verb.URGE,
            OPEN,
            None,
            frozenset({Who.REQUESTER, Who.CALLBACK, Who.COMMAND}),
            (WORDS_OPTIONAL,),
        ),
        Move(
            Verb.EXTEND,
            _HELD,
            None,
            frozenset({Who.DISPATCH, Who.COMMAND}),
            (Field("until", FieldKind.TIME, _("延至")), WHY),
        ),
        Move(
            Verb.ESCALATE,
            frozenset({Status.SORTED, Status.ASSIGNED, Status.HANDLING}),
            None,
            _DESKS | _UNIT | {Who.SYSTEM},
            (WHY,),
        ),
        Move(
            Verb.RESOLVE,
            frozenset({Status.HANDLING}),
            Status.RESOLVED,
            _UNIT,
            (WORDS, PHOTOS),
            start=(ClockKind.FEEDBACK,),
            stop=(ClockKind.RESPOND, ClockKind.ARRIVE, ClockKind.SOLVE),
        ),
        Move(
            Verb.RATE,
            frozenset({Status.RESOLVED, Status.CLOSED}),
            None,
            frozenset({Who.REQUESTER, Who.CALLBACK}),
            (
                Field("solved", FieldKind.BOOL, _("解决了吗")),
                Field("satisfaction", FieldKind.SATISFACTION, _("满意程度")),
                WORDS_OPTIONAL,
            ),
            stop=(ClockKind.FEEDBACK,),
        ),
        Move(
            Verb.REOPEN,
            frozenset({Status.RESOLVED}) | ENDED,
            Status.FILED,
            frozenset({Who.REQUESTER, Who.CALLBACK, Who.TRIAGE, Who.COMMAND, Who.SYSTEM}),
            (WORDS,),
            start=(ClockKind.SOLVE,),
            stop=(ClockKind.FEEDBACK,),
        ),
        Move(
            Verb.CLOSE,
            frozenset({Status.RESOLVED}),
            Status.CLOSED,
            frozenset({Who.TRIAGE, Who.CALLBACK, Who.COMMAND, Who.SYSTEM}),
            (WHY_OPTIONAL,),
            stop=_CLOCKS,
        ),
        Move(
            Verb.MERGE,
            OPEN,
            Status.MERGED,
            _DESKS,
            (Field("master", FieldKind.APPEAL, _("并入")), WHY_OPTIONAL),
            stop=_CLOCKS,
        ),
        Move(
            Verb.DECLINE,
            frozenset({Status.FILED, Status.SORTED}),
            Status.DECLINED,
            _DESKS,
            (WORDS, WHY_OPTIONAL),
            stop=_CLOCKS,
        ),
        Move(
            Verb.WITHDRAW,
            OPEN,
            Status.WITHDRAWN,
            frozenset({Who.REQUESTER}),
            (WORDS_OPTIONAL,),
            stop=_CLOCKS,
        ),
    )
}


def resting_status(*, held: bool, unit: bool, category: bool) -> Status:
    """Where an appeal belongs by what is known of it: after a question, and when reopened.

    With a holder it is in handling, with a unit only it waits to be accepted, with a category only
    it waits for dispatch, else for triage.
    """
    if held:
        return Status.HANDLING
    if unit:
        return Status.ASSIGNED
    return Status.SORTED if category else Status.FILED


RESTING_CLOCK = {
    Status.FILED: ClockKind.RECEIVE,
    Status.SORTED: ClockKind.DISPATCH,
    Status.ASSIGNED: ClockKind.RESPOND,
    Status.HANDLING: ClockKind.ARRIVE,
}
"""The first-time that runs while an appeal rests at a status; `reopen` starts it."""

BY_REST = frozenset({Verb.SUPPLY, Verb.REOPEN})
"""Verbs whose target is `resting_status`: supply (only from waiting) and reopen."""
