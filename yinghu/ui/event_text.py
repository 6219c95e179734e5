"""What happened and what comes next, in plain words: to requesters (`told`), inside (`done`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.labels import done_label, question_label, status_label
from yinghu.appeals.models import Appeal, ChaseAct, ChaseTell, Event
from yinghu.appeals.moves import OF_LEGS
from yinghu.appeals.numbers import number_of
from yinghu.appeals.states import ENDED, PRIVATE, ClockKind, Occasion, Satisfaction, Status, Verb
from yinghu.common.language import name_of
from yinghu.common.masking import without_numbers


def is_public(event: Event) -> bool:
    """Whether the requester is told of it."""
    return event.act not in PRIVATE


def told(event: Event) -> str:
    """The event as a requester reads it: units, never people."""
    unit = name_of(event.unit) if event.unit else pgettext("sentence", "承办单位")
    named = str(event.facts.get("name", ""))
    mine = event.actor_kind == "requester"
    match event.act:
        case Verb.FILE:
            return _("您提交了诉求") if mine else _("诉求已登记")
        case Verb.SORT:
            return _("平台已研判")
        case Verb.ANSWER:
            return _("平台答复了您")
        case Verb.ASSIGN:
            return _("已派给%s") % unit
        case Verb.ACCEPT:
            return _("%s已接单，开始办理") % unit
        case Verb.HAND:
            return _("%s已安排专人办理") % unit
        case Verb.RELEASE:
            return _("%s正在换人办理") % unit
        case Verb.RETURN:
            return _("%s认为不归他们办，平台正在判定") % unit
        case Verb.RULE:
            return _ruled(event, unit)
        case Verb.ASK:
            return _("需要您补充")
        case Verb.SUPPLY:
            return _("您补充了情况") if mine else _("平台代您补充了情况")
        case Verb.REPORT:
            return _("%s报告了进展") % unit
        case Verb.URGE:
            return _("您催了一次") if mine else _("平台催了一次")
        case Verb.EXTEND if event.facts.get("asked"):
            return _("%s申请延长办理时限") % unit
        case Verb.EXTEND:
            return _("办理时限延长了")
        case Verb.ESCALATE:
            return _("已提到上一级，由%s负责办理") % unit
        case Verb.INVITE | Verb.SHARE:
            return _("已请%s一起办理") % named
        case Verb.WHISTLE:
            return _("已请%s到现场一起办理") % _("、").join(event.facts.get("names", ()))
        case Verb.REPORT_IN:
            return (_("%s已报到") if event.facts.get("away") else _("%s已到现场")) % named
        case Verb.NO_ANSWER:
            return _("平台给您打电话回访，没有接通")
        case Verb.RESOLVE:
            return _("%s已办结，等您评价") % unit
        case Verb.RATE:
            rated = _("您评价了：%s") if mine else _("平台回访了您：%s")
            return rated % _rating(event)
        case Verb.REOPEN:
            return _("重新办理")
        case Verb.CLOSE:
            return _("诉求已办完销号")
        case Verb.MERGE:
            return _("与另一件相同的诉求一并办理")
        case Verb.DECLINE:
            return _("平台不予受理")
        case Verb.WITHDRAW:
            return _("您撤回了诉求")
        case _ if event.act in OF_LEGS:
            return _of_leg(event)
        case _:
            return _(event.act.label)


def _of_leg(event: Event) -> str:
    """A step of an errand as a requester reads it."""
    title = str(event.facts.get("title", ""))
    match event.act:
        case Verb.PLAN:
            return _("已安排人帮您办：%s") % title
        case Verb.TAKE:
            return _("有人接下了“%s”") % title
        case Verb.GIVE_BACK:
            return _("“%s”正在换人") % title
        case Verb.HAND_OVER if event.facts.get("done"):
            return _("“%s”完成，下一位接着办") % title
        case Verb.HAND_OVER:
            return _("“%s”正在进行") % title
        case Verb.FINISH:
            return _("“%s”办好了") % title
        case _dropped:
            return _("取消了：%s") % _("、").join(event.facts.get("titles", ()))


def _ruled(event: Event, unit: str) -> str:
    """A ruling as a requester reads it."""
    agreed = bool(event.facts.get("agree"))
    if event.facts.get("of") == Verb.RETURN:
        return _("平台正在重新安排承办单位") if agreed else _("平台判定仍由%s办理") % unit
    return _("办理时限延长了") if agreed else _("办理时限没有延长")


def done(event: Event) -> str:
    """The event as staff read it: what was done, in a word."""
    if event.act is Verb.EXTEND and event.facts.get("asked"):
        return pgettext("done", "申请延期")
    return done_label(event.act)


def by_whom(event: Event) -> str:
    """Who did it, for staff."""
    if event.user is not None:
        return str(event.user)
    return _("诉求人") if event.actor_kind == "requester" else _("系统")


def facts(event: Event) -> str:
    """What else the event says, in one line, for staff."""
    given = event.facts
    match event.act:
        case Verb.SORT:
            parts = [name_of(event.category) if event.category else ""]
            parts.append(name_of(event.area) if event.area else "")
            return " · ".join(part for part in parts if part)
        case Verb.ASSIGN | Verb.ESCALATE:
            return f"→ {name_of(event.unit)}" if event.unit else ""
        case Verb.CHASE:
            return _chased(given)
        case _ if event.act in OF_LEGS:
            return str(given.get("title", "")) or _("、").join(given.get("titles", ()))
        case Verb.RULE | Verb.JUDGE:
            parts = [_("同意") if given.get("agree") else _("不同意")]
            parts.append(given.get("name", "") or _(_ASKED.get(given.get("of", ""), "")))
            return " · ".join(part for part in parts if part)
        case Verb.WHISTLE:
            occasion = _(Occasion(given["occasion"]).label)
            parts = [occasion, _("、").join(given.get("names", ())), given.get("place", "")]
            return " · ".join([*parts, _by(given)])
        case Verb.INVITE:
            return " · ".join([given.get("name", ""), _by(given)])
        case Verb.SUPERVISE:
            return _by(given)
        case Verb.REPORT_IN:
            parts = [given.get("name", ""), _("迟到") if given.get("late") else ""]
            metres = given.get("metres")
            parts.append(_("离集合地点 %d 米") % metres if metres is not None else "")
            parts.append(_("不在现场") if given.get("away") else "")
            return " · ".join(part for part in parts if part)
        case Verb.MEASURES:
            said = _("对接：%s") % given.get("spoken_to", "")
            return " · ".join([given.get("name", ""), said, _by(given)])
        case Verb.GRADE:
            label = _(Satisfaction(given["satisfaction"]).label)
            return " · ".join([given.get("name", ""), label])
        case Verb.CONTACT:
            return " · ".join([given.get("name", ""), given.get("who", "")])
        case Verb.REPLY | Verb.CONTEST | Verb.SHARE | Verb.UNSHARE:
            return str(given.get("name", ""))
        case Verb.HAND:
            return f"→ {given.get('name', '')}"
        case Verb.MERGE if isinstance(given.get("master"), int):
            return f"→ {number_of(given['master'])}"
        case Verb.RATE:
            return _rating(event)
        case Verb.REPORT if given.get("arrived"):
            return _("已到场")
        case Verb.EXTEND if until := parse_datetime(given.get("until", "")):
            return f"→ {localtime(until):%Y-%m-%d %H:%M}"
        case _:
            return ""


_ASKED = {Verb.RETURN.value: Verb.RETURN.label, Verb.EXTEND.value: Verb.EXTEND.label}


def _by(given: dict[str, Any]) -> str:
    """The deadline that an event sets."""
    until = parse_datetime(given.get("until", ""))
    return _("%s 以前") % f"{localtime(until):%Y-%m-%d %H:%M}" if until else ""


def _chased(given: dict[str, Any]) -> str:
    """Which clock, and what was done about it: who is told stands in the notices."""
    clock = _(ClockKind(given["clock"]).label)
    act, tell = ChaseAct(given["act"]), ChaseTell(given["tell"])
    return _("%(clock)s · %(act)s → %(tell)s") % {
        "clock": clock,
        "act": act.label,
        "tell": tell.label,
    }


def _rating(event: Event) -> str:
    solved = _("解决了") if event.facts.get("solved") else _("没有解决")
    parts = [solved, _(Satisfaction(event.facts["satisfaction"]).label)]
    if event.facts.get("unreached"):
        parts.append(_("单位没有联系过"))
    return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class Setback:
    """That an appeal had to be taken up again: what was said then, by its requester or by us, and
    whether that was because it had not been solved.
    """

    words: str
    own: bool
    unsolved: bool


def setback(appeal: Appeal) -> Setback | None:
    """The last one, where it still matters: not for what has ended since."""
    if appeal.status in ENDED and appeal.solved is not False:
        return None
    found = appeal.events.filter(verb__in=(Verb.RATE, Verb.REOPEN)).order_by("-seq")[:2]
    last, before = [*found, None, None][:2]
    if last is None:
        return None
    if last.act is Verb.RATE:
        if appeal.solved is not False:
            return _setback_of(before) if before and before.act is Verb.REOPEN else None
        return Setback(last.words, own=last.actor_kind == "requester", unsolved=True)
    if last.actor_kind == "system" and before and before.facts.get("solved") is False:
        # It was taken up by itself, for what they had said in their rating.
        return Setback(before.words, own=before.actor_kind == "requester", unsolved=True)
    return _setback_of(last)


def _setback_of(event: Event) -> Setback:
    """What a `reopen` says of itself."""
    unsolved = event.from_status in (Status.RESOLVED, Status.CLOSED)
    return Setback(event.words, own=event.actor_kind == "requester", unsolved=unsolved)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an appeal stands, for its requester: headline, what happens next, by which clock, what
    they are asked to do themselves, and what we are sorry for.
    """

    title: str
    text: str
    clock: ClockKind | None = None
    turn: Verb | None = None
    sorry: str = ""


def standing(appeal: Appeal, after: Setback | None = None) -> Standing:
    """The status in plain words, `after` it had to be taken up again if it had."""
    usual = _standing(appeal)
    if after is None or not after.unsolved:
        return usual
    sorry = _("对不起，这件事没有办好。")
    if appeal.state in (Status.RESOLVED, Status.CLOSED):
        if appeal.solved is not False:
            asked = _("上次没有解决，这次请告诉我们是否真的解决了。还没有解决的，再重新办理。")
            return replace(usual, text=asked) if usual.turn is Verb.RATE else usual
        unit = name_of(appeal.unit) if appeal.unit else ""
        text = _("马上退回%s重新办理，您不用再提交。") % (unit or _("平台"))
        return Standing(_("重新办理"), text, sorry=sorry)
    if appeal.state is Status.WAITING:
        return replace(usual, sorry=sorry)
    return replace(usual, title=_("正在重新办理"), sorry=sorry)


def _standing(appeal: Appeal) -> Standing:
    unit = name_of(appeal.unit) if appeal.unit else pgettext("sentence", "承办单位")
    match appeal.state:
        case Status.FILED:
            return Standing(
                _("已收到"), _("平台正在看您的诉求，会尽快安排单位办理。"), ClockKind.RECEIVE
            )
        case Status.SORTED:
            return Standing(
                _("正在安排"), _("平台已看过您的诉求，正在安排单位办理。"), ClockKind.DISPATCH
            )
        case Status.ASSIGNED:
            return Standing(_("等待接单"), _("已派给%s，等他们接单。") % unit, ClockKind.RESPOND)
        case Status.HANDLING:
            return Standing(_("正在办理"), _("%s正在为您办理。") % unit, ClockKind.SOLVE)
        case Status.WAITING:
            return Standing(
                _("等您补充"),
                _("我们有一个问题要问您，请在下面回答，答复后马上继续办理。"),
                turn=Verb.SUPPLY,
            )
        case Status.RESOLVED if appeal.solved:
            return Standing(
                _("已办结"), _("谢谢您的评价，平台核对后就结束这件诉求。问题又出现，可以要求重办。")
            )
        case Status.RESOLVED:
            return Standing(
                _("已办结"),
                _("请告诉我们是否真的解决了。没有解决的，会重新办理。"),
                ClockKind.FEEDBACK,
                Verb.RATE,
            )
        case Status.CLOSED:
            return Standing(_("已办完"), _("这件诉求已经办完。如果问题又出现，可以要求重办。"))
        case Status.MERGED:
            return Standing(_("一并办理"), _("它与另一件相同的诉求一并办理，进展见下。"))
        case Status.DECLINED:
            return Standing(status_label(appeal.state), _("这件诉求不由本平台办理，原因见下。"))
        case Status.WITHDRAWN:
            return Standing(_("已撤回"), _("您撤回了这件诉求。需要时可以要求重办。"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """One of the steps from filing to the end: its name, and whether it is done, now or ahead."""

    label: str
    state: str


_REACHED = {
    Status.FILED: 1,
    Status.SORTED: 2,
    Status.ASSIGNED: 3,
    Status.HANDLING: 4,
    Status.WAITING: 4,
    Status.RESOLVED: 5,
    Status.CLOSED: 6,
}
"""How many steps lie behind an appeal, or all but one where it stands in the last."""


def road(appeal: Appeal) -> list[Stretch]:
    """The six steps of an appeal; empty where it left the road (merged, declined, withdrawn)."""
    at = _REACHED.get(appeal.state)
    if at is None:
        return []
    if appeal.state is Status.WAITING and appeal.unit is None:
        # Asked before anybody knew whose it is.
        at = _REACHED[Status.FILED]
    names = (
        pgettext("step", "提交"),
        pgettext("step", "研判"),
        pgettext("step", "派单"),
        pgettext("step", "接单"),
        pgettext("step", "办理"),
        pgettext("step", "评价"),
    )
    if appeal.state is Status.RESOLVED and appeal.solved is not None:
        # Rated: nothing is left for them to do, or it goes back to whoever had it.
        at = len(names) if appeal.solved else _REACHED[Status.ASSIGNED]
    states = ["done"] * at + ["now"] + ["ahead"] * 6
    return [Stretch(name, state) for name, state in zip(names, states, strict=False)]


def promise(kind: ClockKind) -> str:
    """What will be done by the due time of a clock of this kind."""
    match kind:
        case ClockKind.RECEIVE:
            return pgettext("promise", "研判")
        case ClockKind.DISPATCH:
            return pgettext("promise", "安排承办单位")
        case ClockKind.RESPOND:
            return pgettext("promise", "接单")
        case ClockKind.ARRIVE:
            return pgettext("promise", "到场")
        case ClockKind.SOLVE:
            return pgettext("promise", "办结")
        case ClockKind.FEEDBACK:
            return pgettext("promise", "回访")
        case _:
            return _(kind.label)


def answers_of(appeal: Appeal, reveal: bool) -> list[tuple[str, str]]:
    """(question, answer), in the category's order; answers of another category keep their key."""
    questions = appeal.category.questions if appeal.category else []
    labels = {question["key"]: question_label(question) for question in questions}
    order = [*(key for key in labels if key in appeal.answers)]
    order += [key for key in appeal.answers if key not in labels]
    return [(labels.get(key, key), _answer(appeal.answers[key], reveal)) for key in order]


def _answer(value: object, reveal: bool) -> str:
    if isinstance(value, bool):
        return _("是") if value else _("否")
    return str(value) if reveal else without_numbers(str(value))
