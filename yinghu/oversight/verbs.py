"""The function of every verb: those of the loop, and those of this room."""

from __future__ import annotations

from collections.abc import Callable

from yinghu.appeals import loop
from yinghu.appeals.models import Event
from yinghu.appeals.states import Verb
from yinghu.oversight import helping, levels, rulings, sharing, watching, whistles

VERBS: dict[Verb, Callable[..., Event]] = loop.VERBS | {
    Verb.ESCALATE: levels.escalate,
    Verb.RULE: rulings.rule,
    Verb.INVITE: helping.invite,
    Verb.REPLY: helping.reply,
    Verb.SUPERVISE: watching.supervise,
    Verb.ACCOUNT: watching.account,
    Verb.LIFT: watching.lift,
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
