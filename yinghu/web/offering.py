"""Which verbs the page of a case offers, and what there is to choose from in those of whistles."""

from __future__ import annotations

from yinghu.appeals import loop
from yinghu.appeals.models import Appeal
from yinghu.appeals.moves import Move
from yinghu.appeals.states import Verb
from yinghu.oversight import summoned, whistles
from yinghu.people.access import Actor
from yinghu.web.forms import Known, name_of


def offered(appeal: Appeal, actor: Actor) -> tuple[list[Move], Known]:
    """What this actor may do now, and what their forms offer. A whistle is there to be rated once
    somebody has come, or their time is over.
    """
    moves = loop.available(appeal, actor)
    verbs = {move.verb for move in moves}
    known = Known(appeal.unit_id, appeal.holder_id)
    if Verb.WHISTLE in verbs:
        known.to_call = [(u.code, name_of(u)) for u in whistles.to_call(appeal, actor)]
    if verbs & {Verb.REPORT_IN, Verb.MEASURES}:
        known.speakers = [(u.code, name_of(u)) for u in whistles.called(appeal, actor)]
    if Verb.GRADE in verbs:
        calls = summoned.to_grade(appeal, actor)
        known.to_grade = [(c.unit.code, name_of(c.unit), c.reported_at is not None) for c in calls]
        if not calls:
            moves = [move for move in moves if move.verb is not Verb.GRADE]
    return moves, known
