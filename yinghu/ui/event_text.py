"""What happened and what comes next, in plain words: to requesters (`told`), inside (`done`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.closing_actions import RATE, REOPEN
from yinghu.appeals.handling_actions import SUPPLY
from yinghu.appeals.labels import question_label, status_label
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import ENDED, ClockKind, Status
from yinghu.appeals.verb import Verb
from yinghu.common.language import name_of
from yinghu.common.masking import without_numbers
from yinghu.verbs import PRIVATE, verb_of


def is_public(event: Event) -> bool:
    """Whether the requester is told of it."""
    return event.verb not in PRIVATE


def told(event: Event) -> str:
    """The event as a requester reads it: units, never people."""
    return verb_of(event).told_of(event)


def done(event: Event) -> str:
    """The event as staff read it: what was done, in a word."""
    return verb_of(event).done_by(event)


def by_whom(event: Event) -> str:
    """Who did it, for staff."""
    if event.user is not None:
        return str(event.user)
    return _("诉求人") if event.actor_kind == "requester" else _("系统")


def facts(event: Event) -> str:
    """What else the event says, in one line, for staff."""
    return verb_of(event).detail_of(event)


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
    found = appeal.events.filter(verb__in=(RATE.name, REOPEN.name)).order_by("-seq")[:2]
    last, before = [*found, None, None][:2]
    if last is None:
        return None
    if last.verb == RATE.name:
        if appeal.solved is not False:
            return _setback_of(before) if before and before.verb == REOPEN.name else None
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
            return replace(usual, text=asked) if usual.turn is RATE else usual
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
                turn=SUPPLY,
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
                RATE,
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
