"""Enumerations of an appeal: statuses, classes, clocks and an actor's relations to it.

Imports neither our own modules nor Django. Labels are Chinese msgids.
"""

from enum import IntEnum, StrEnum
from typing import Self


def _(label: str) -> str:
    """Mark a label for translation."""
    return label


class Labelled(StrEnum):
    """A string enum whose members carry their Chinese label."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class Status(Labelled):
    """Status of an appeal: who has it."""

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
"""Statuses in which somebody still has to act."""

ENDED = frozenset({Status.CLOSED, Status.MERGED, Status.DECLINED, Status.WITHDRAWN})
"""Ended statuses; only `reopen` leaves them."""


class Klass(Labelled):
    """The three classes of an appeal (研判)."""

    POLICY = "policy", _("政策解答")
    OPINION = "opinion", _("舆情处置")
    NEED = "need", _("社情需求")


class Urgency(IntEnum):
    """Urgency: 1 within the ordinary limits, 2 today, 3 danger to life or property."""

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
    """Satisfaction; weighs 1, 0.9 and 0 in the satisfied rate (Beijing's three rates)."""

    SATISFIED = "yes", _("满意")
    FAIRLY = "fairly", _("基本满意")
    UNSATISFIED = "no", _("不满意")


class ClockKind(Labelled):
    """Kinds of clock: the six time limits (六个第一时间) and what oversight waits for.

    For kinds in `OF_UNITS` each unit has its own clock.
    """

    RECEIVE = "receive", _("接收")
    DISPATCH = "dispatch", _("派单")
    RESPOND = "respond", _("响应")
    ARRIVE = "arrive", _("到场")
    SOLVE = "solve", _("解决")
    FEEDBACK = "feedback", _("反馈")
    PROGRESS = "progress", _("报进展")
    RULING = "ruling", _("裁定")
    HELP = "help", _("协办")
    WHISTLE = "whistle", _("报到")
    MEASURES = "measures", _("四要素")
    CONTEST = "contest", _("异议裁定")
    GRADE = "grade", _("评哨")
    ACCOUNT = "account", _("督办回复")
    ALARM = "alarm", _("看警报")
    JUDGE = "judge", _("判断警报")


FIRST_TIMES = (
    ClockKind.RECEIVE,
    ClockKind.DISPATCH,
    ClockKind.RESPOND,
    ClockKind.ARRIVE,
    ClockKind.SOLVE,
    ClockKind.FEEDBACK,
)
"""The six of every appeal, in order."""

LIMITED = (*FIRST_TIMES, ClockKind.PROGRESS, ClockKind.RULING)
"""Kinds whose limit the city sets; for others it is set each time."""

OF_UNITS = (
    ClockKind.HELP,
    ClockKind.WHISTLE,
    ClockKind.MEASURES,
    ClockKind.CONTEST,
    ClockKind.GRADE,
)
"""Kinds that run for a named unit."""

ALARM_CLOCKS = (ClockKind.ALARM, ClockKind.JUDGE)
"""Until somebody looks at an alarm, and from then until somebody has judged it."""

ASKED = (*OF_UNITS, ClockKind.ACCOUNT, ClockKind.RULING)
"""Kinds that limit how long a unit or a desk may take to answer somebody."""


class Who(Labelled):
    """An actor's relation to an appeal; `people.access.relations` computes them."""

    REQUESTER = "requester", _("诉求人")
    TRIAGE = "triage", _("研判")
    DISPATCH = "dispatch", _("派单")
    HANDLER = "handler", _("承办单位")
    VOLUNTEER = "volunteer", _("志愿者")
    HEAD = "head", _("单位负责人")
    HOLDER = "holder", _("承办人")
    PARTY = "party", _("参与单位")
    HELPER = "helper", _("帮手")
    CALLBACK = "callback", _("回访")
    COMMAND = "command", _("指挥中心")
    SYSTEM = "system", _("系统")


DESKS = frozenset({Who.TRIAGE, Who.DISPATCH, Who.COMMAND})
UNIT = frozenset({Who.HANDLER, Who.HEAD, Who.HOLDER})
IN_UNITS_NAME = UNIT - {Who.HOLDER}
"""Those who act in a unit's name; volunteers act in their own."""

PARTIES = frozenset({Who.PARTY, Who.HANDLER, Who.HEAD})
"""Those who speak for a unit with a part in a case, also if it has the case now."""

EVERY_STATUS = frozenset(Status)
HELD = frozenset({Status.ASSIGNED, Status.HANDLING})
"""Statuses in which a unit has the case."""

IN_UNIT = HELD | {Status.WAITING}
UNRATED = OPEN | {Status.RESOLVED}
"""Statuses of a case that has not ended."""


class Occasion(Labelled):
    """Occasion of a grassroots whistle."""

    PEOPLE = "people", _("群众诉求")
    JOINT = "joint", _("联合执法")
    EMERGENCY = "emergency", _("应急处置")


def resting_status(*, held: bool, unit: bool, category: bool, returned: bool = False) -> Status:
    """Return the status an appeal goes back to after a question or a ruling, or when reopened."""
    if returned:
        return Status.SORTED
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
"""Clock that runs while an appeal rests at a status; `reopen` starts it."""

PAUSABLE = (*FIRST_TIMES[:-1], ClockKind.PROGRESS, ClockKind.RULING)
"""Kinds that pause while the requester is asked."""

PAUSED_BY_RETURN = (ClockKind.RESPOND, ClockKind.ARRIVE)
"""Kinds that pause until the ruling while a unit asks to return the case."""

PAUSED_AT_END = (ClockKind.GRADE,)
"""Kinds that pause when a case ends: a whistle may still be graded, but nobody is chased for it."""

STOPPED_AT_END = tuple(kind for kind in ClockKind if kind not in PAUSED_AT_END)
"""Kinds that stop when a case ends."""
