"""The function of every verb: those of the loop, and those of this room."""

from __future__ import annotations

from collections.abc import Callable

from yinghu.appeals import loop
from yinghu.appeals.models import Event
from yinghu.appeals.states import Verb
from yinghu.oversight import co_handling, levels, rulings, sharing, supervision, whistles

VERBS: dict[Verb, Callable[..., Event]] = loop.VERBS | {
    Verb.ESCALATE: levels.escalate,
    Verb.RULE: rulings.rule,
    Verb.INVITE: co_handling.invite,
    Verb.REPLY: co_handling.reply,
    Verb.SUPERVISE: supervision.supervise,
    Verb.ACCOUNT: supervision.account,
    Verb.LIFT: supervision.lift,
    Verb.WHISTLE: whistles.whistle,
    Verb.REPORT_IN: whistles.report_in,
    Verb.MEASURES: whistles.measures,
    Verb.CONTEST: whistles.contest,
    Verb.JUDGE: whistles.judge,
    Verb.GRADE: whistles.grade,
    Verb.SHARE: sharing.share,
    Verb.CONTACT: sharing.contact,
    Verb.UNSHARE: sharing.unshare,
}
"""All take (appeal_id, actor) and the keywords that MOVES names, and `expect`."""
