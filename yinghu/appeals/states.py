"""The words of an appeal: its statuses, the verbs done to it, its clocks, who is what to it.

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


class Verb(Labelled):
    """What can be done to an appeal; each is a function of the same name in `loop.py`, or in a
    module of `oversight`.
    """

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
    RULE = "rule", _("裁定")
    INVITE = "invite", _("请协办")
    REPLY = "reply", _("协办回复")
    SUPERVISE = "supervise", _("督办")
    ACCOUNT = "account", _("回复督办")
    LIFT = "lift", _("解除督办")
    WHISTLE = "whistle", _("吹哨")
    REPORT_IN = "report_in", _("报到")
    MEASURES = "measures", _("报四要素")
    CONTEST = "contest", _("提异议")
    JUDGE = "judge", _("裁定异议")
    GRADE = "grade", _("评哨")
    SHARE = "share", _("共享")
    CONTACT = "contact", _("定对接人")
    UNSHARE = "unshare", _("结束共享")
    NO_ANSWER = "no_answer", _("未接通")
    CHASE = "chase", _("催督")
    PLAN = "plan", _("安排跑腿")
    OFFER = "offer", _("请人帮忙")
    TAKE = "take", _("接一程")
    GIVE_BACK = "give_back", _("交回一程")
    HAND_OVER = "hand_over", _("交接")
    FINISH = "finish", _("办完一程")
    DROP = "drop", _("取消一程")
    NUDGE = "nudge", _("问进展")
    REPAY = "repay", _("报销")
    SAY = "say", _("留言")


PRIVATE = frozenset(
    {
        Verb.NOTE,
        Verb.REPLY,
        Verb.SUPERVISE,
        Verb.ACCOUNT,
        Verb.LIFT,
        Verb.MEASURES,
        Verb.CONTEST,
        Verb.JUDGE,
        Verb.GRADE,
        Verb.CONTACT,
        Verb.UNSHARE,
        Verb.CHASE,
        Verb.OFFER,
        Verb.NUDGE,
        Verb.REPAY,
        Verb.SAY,
    }
)
"""Verbs that a requester is not told of."""

INSIDE = frozenset({Verb.NOTE, Verb.MEASURES, Verb.CONTACT, Verb.UNSHARE})
"""Verbs of which there is nothing to read for a volunteer, who is not told why."""


class Occasion(Labelled):
    """For what the grassroots whistle."""

    PEOPLE = "people", _("群众诉求")
    JOINT = "joint", _("联合执法")
    EMERGENCY = "emergency", _("应急处置")
