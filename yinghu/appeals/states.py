"""The words of an appeal: its statuses, its clocks, who is what to it.

They import nothing of ours and nothing of Django's. A label is Chinese and is translated where it
is shown.
"""

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
    """What may be late: the six first-times (六个第一时间), and what oversight waits for.

    Of a kind in `OF_UNITS` each unit that is asked has its own.
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


FIRST_TIMES = (
    ClockKind.RECEIVE,
    ClockKind.DISPATCH,
    ClockKind.RESPOND,
    ClockKind.ARRIVE,
    ClockKind.SOLVE,
    ClockKind.FEEDBACK,
)
"""The six of every appeal, in their order."""

LIMITED = (*FIRST_TIMES, ClockKind.PROGRESS, ClockKind.RULING)
"""Kinds whose length is a limit that the city sets; that of the others is set each time."""

OF_UNITS = (
    ClockKind.HELP,
    ClockKind.WHISTLE,
    ClockKind.MEASURES,
    ClockKind.CONTEST,
    ClockKind.GRADE,
)
"""Kinds that run for a named unit, whoever has the case."""

ASKED = (*OF_UNITS, ClockKind.ACCOUNT, ClockKind.RULING)
"""Kinds by which somebody waits for what they have asked of a unit or a desk."""


class Who(Labelled):
    """What an actor is to one appeal; `people.access.relations` says which of these hold."""

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
"""Those who act in a unit's name: no volunteer, who holds a case for themselves."""

PARTIES = frozenset({Who.PARTY, Who.HANDLER, Who.HEAD})
"""Those who speak for a unit with a part in a case, which may have been given the case since."""

EVERY_STATUS = frozenset(Status)
HELD = frozenset({Status.ASSIGNED, Status.HANDLING})
"""A unit has it to do."""

IN_UNIT = HELD | {Status.WAITING}
UNRATED = OPEN | {Status.RESOLVED}
"""It has not ended."""


class Occasion(Labelled):
    """For what the grassroots whistle."""

    PEOPLE = "people", _("群众诉求")
    JOINT = "joint", _("联合执法")
    EMERGENCY = "emergency", _("应急处置")


def resting_status(*, held: bool, unit: bool, category: bool, returned: bool = False) -> Status:
    """Where an appeal belongs by what is known of it: after a question or a ruling, and when
    reopened.

    With a holder it is in handling, with a unit only it waits to be accepted, with a category only
    it waits for dispatch, else for triage. What its unit asks to give back waits for dispatch.
    """
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
"""The first-time that runs while an appeal rests at a status; `reopen` starts it."""

PAUSABLE = (*FIRST_TIMES[:-1], ClockKind.PROGRESS, ClockKind.RULING)
"""Kinds that hold still while the requester is asked: nobody can report, or rule, either."""

STOPPED_AT_END = tuple(kind for kind in ClockKind if kind is not ClockKind.GRADE)
"""Kinds that stop when a case ends; a whistle may still be rated."""
