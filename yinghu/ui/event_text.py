"""Texts for events, statuses and answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from yinghu.appeals.closing_actions import RATE, REOPEN
from yinghu.appeals.handling_actions import SUPPLY
from yinghu.appeals.labels import answer_text, question_label, status_label
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import ENDED, ClockKind, Status
from yinghu.appeals.verb import Verb
from yinghu.common.language import name_of
from yinghu.common.privacy.masking import without_numbers


def by_whom(event: Event) -> str:
    """Name the person, requester or system behind an event, for staff."""
    if event.user is not None:
        return str(event.user)
    return _("诉求人") if event.actor_kind == "requester" else _("系统")


def why_of(event: Event) -> str:
    """The internal reason; the platform's own in the reader's language."""
    return _(event.why) if event.why and event.actor_kind == "system" else event.why


@dataclass(frozen=True, slots=True)
class Setback:
    """A reopening or negative rating; `own` if by the requester, `unsolved` if for that reason."""

    words: str
    own: bool
    unsolved: bool


def setback(appeal: Appeal) -> Setback | None:
    """Find the latest setback of an appeal; None if it has ended successfully since."""
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
        # The system reopened it because of the rating before.
        return Setback(before.words, own=before.actor_kind == "requester", unsolved=True)
    return _setback_of(last)


def _setback_of(event: Event) -> Setback:
    unsolved = event.from_status in (Status.RESOLVED, Status.CLOSED)
    return Setback(event.words, own=event.actor_kind == "requester", unsolved=unsolved)


@dataclass(frozen=True, slots=True)
class Standing:
    """An appeal's status for its requester; `turn` is the verb that is expected of them."""

    title: str
    text: str
    clock: ClockKind | None = None
    turn: Verb | None = None
    sorry: str = ""


def standing(appeal: Appeal, after: Setback | None = None) -> Standing:
    """Describe an appeal's status for its requester, considering the setback before it."""
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


_REACHED = {
    Status.FILED: 1,
    Status.SORTED: 2,
    Status.ASSIGNED: 3,
    Status.HANDLING: 4,
    Status.WAITING: 4,
    Status.RESOLVED: 5,
    Status.CLOSED: 6,
}
"""Steps done in each status."""


def road(appeal: Appeal) -> list[dict[str, str]]:
    """Make the progress bar's steps: done, now or ahead; none if merged, declined or withdrawn."""
    at = _REACHED.get(appeal.state)
    if at is None:
        return []
    if appeal.state is Status.WAITING and appeal.unit is None:
        # A question asked before a unit was assigned.
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
        # Rated: finished, or about to return to the unit.
        at = len(names) if appeal.solved else _REACHED[Status.ASSIGNED]
    states = ["done"] * at + ["now"] + ["ahead"] * 6
    return [{"label": name, "state": state} for name, state in zip(names, states, strict=False)]


_PROMISES = {
    ClockKind.RECEIVE: pgettext_lazy("promise", "研判"),
    ClockKind.DISPATCH: pgettext_lazy("promise", "安排承办单位"),
    ClockKind.RESPOND: pgettext_lazy("promise", "接单"),
    ClockKind.ARRIVE: pgettext_lazy("promise", "到场"),
    ClockKind.SOLVE: pgettext_lazy("promise", "办结"),
    ClockKind.FEEDBACK: pgettext_lazy("promise", "回访"),
}


def promise(kind: ClockKind) -> str:
    """Name what is promised by the due time of a clock of this kind."""
    return str(_PROMISES.get(kind) or _(kind.label))


def answers_of(appeal: Appeal, reveal: bool) -> list[tuple[str, str]]:
    """List (question, answer) in the category's order; unknown questions are shown by key."""
    asked = appeal.category.questions if appeal.category else []
    questions: dict[str, dict[str, Any]] = {question["key"]: question for question in asked}
    order = [*(key for key in questions if key in appeal.answers)]
    order += [key for key in appeal.answers if key not in questions]
    found = []
    for key in order:
        question = questions.get(key, {"label": key})
        answer = answer_text(question, appeal.answers[key])
        found.append((question_label(question), answer if reveal else without_numbers(answer)))
    return found
