"""What the page of a case offers its reader to do: which verbs, in what order, with what forms."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from yinghu.appeals import loop, reply_templates
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.moves import FieldKind, Move
from yinghu.appeals.states import ClockKind, Status, Verb
from yinghu.common.language import name_of
from yinghu.oversight import sharing, whistle_duties, whistles
from yinghu.oversight.callback import Calls
from yinghu.people.access import Actor, speaking
from yinghu.people.models import Unit, User
from yinghu.ui.forms import Known, VerbForm, initial_of, sort_initial

FIRST = (
    (Status.FILED, Verb.SORT),
    (Status.SORTED, Verb.ASSIGN),
    (Status.ASSIGNED, Verb.ACCEPT),
    (Status.HANDLING, Verb.REPORT),
    (Status.WAITING, Verb.SUPPLY),
    (Status.RESOLVED, Verb.RATE),
)
"""The verb whose form lies open, by status; all others stand beneath it, folded."""

PRESSING = (
    Verb.RULE,
    Verb.JUDGE,
    Verb.REPORT_IN,
    Verb.MEASURES,
    Verb.REPLY,
    Verb.ACCOUNT,
)
"""Verbs that somebody waits for: where one of them is offered, it comes first."""

_ENDING = frozenset({Verb.DECLINE, Verb.RETURN, Verb.RELEASE, Verb.MERGE})
"""Verbs whose button does not invite."""

_AT_ONCE = frozenset({Verb.SORT, Verb.ACCEPT})
"""Verbs that one key does where they come first: nothing has to be typed for them."""

KEYS = {
    Verb.SORT: "c",
    Verb.ANSWER: "r",
    Verb.ASSIGN: "d",
    Verb.ACCEPT: "g",
    Verb.HAND: "h",
    Verb.RELEASE: "l",
    Verb.RETURN: "b",
    Verb.ASK: "q",
    Verb.SUPPLY: "i",
    Verb.REPORT: "p",
    Verb.NOTE: "n",
    Verb.URGE: "y",
    Verb.EXTEND: "e",
    Verb.ESCALATE: "t",
    Verb.RESOLVE: "f",
    Verb.RATE: "v",
    Verb.REOPEN: "o",
    Verb.CLOSE: "x",
    Verb.MERGE: "w",
    Verb.DECLINE: "z",
}
"""The key that opens a verb's form. Taken for other things: a j k m s u / ?."""

ALL_KEYS = "".join(KEYS.values()) + "ams0"
"""What a key may stand for at a case, at one time or another."""


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
        calls = whistle_duties.to_grade(appeal, actor)
        known.to_grade = [(c.unit.code, name_of(c.unit), c.reported_at is not None) for c in calls]
        if not calls:
            moves = [move for move in moves if move.verb is not Verb.GRADE]
    if Verb.SHARE in verbs:
        known.among["partners"] = _coded(sharing.partners(appeal))
    if Verb.CONTACT in verbs:
        name_colleagues(known, appeal, actor)
    if Verb.UNSHARE in verbs:
        known.among["shared"] = _coded(sharing.to_end(appeal, actor))
    empty = {verb for verb, name in _WITH_SOMEBODY.items() if not known.among.get(name)}
    return [move for move in moves if move.verb not in empty], known


_WITH_SOMEBODY = {Verb.SHARE: "partners", Verb.UNSHARE: "shared"}
"""Verbs that are offered where there is somebody to do them with, by where these stand."""


def name_colleagues(known: Known, appeal: Appeal, actor: Actor) -> None:
    """Put into `known` which of the actor's units have a part in the case, and their people."""
    own = sharing.sides(appeal, actor)
    known.among["sides"] = _coded(own)
    names = {side.pk: name_of(side) for side in own}
    people: dict[str, str] = {}
    for post in speaking(names).exclude(user=actor.user_id).select_related("user"):
        said = f"{post.user} · {names[post.unit_id]}" if len(own) > 1 else str(post.user)
        people.setdefault(post.user.username, said)
    known.among["colleagues"] = list(people.items())


def _coded(units: list[Unit]) -> list[tuple[str, str]]:
    return [(unit.code, name_of(unit)) for unit in units]


def other_holder(appeal: Appeal, actor: Actor) -> User | None:
    """Whoever is at it now, where that is not the reader; their next step is not the reader's."""
    held = appeal.state is Status.HANDLING and appeal.holder_id != actor.user_id
    return appeal.holder if held else None


def acts(
    appeal: Appeal,
    actor: Actor,
    suggestion: Any,
    known: Known,
    bound: VerbForm | None,
    moves: list[Move],
    calls: Calls | None,
    live: list[Clock],
    template: str = "",
) -> list[dict[str, Any]]:
    """The verbs `moves` that this actor has now, the one to do first at the top, with their forms.

    `live` are the running clocks, `bound` is a form that was refused, `template` the id of a reply
    template that was chosen.
    """
    offered_now = {move.verb for move in moves}
    pressing = next((verb for verb in PRESSING if verb in offered_now), None)
    usual = dict(FIRST).get(appeal.state)
    # A rating can wait for as long as there is something to do.
    first = pressing or (usual if usual in offered_now else Verb.GRADE)
    if calls and calls.enough and Verb.CLOSE in offered_now:
        first = Verb.CLOSE
    if calls and not (bound and bound.move.verb is Verb.NO_ANSWER):
        # One button beside the questions: see `calls.html`.
        moves = [move for move in moves if move.verb is not Verb.NO_ANSWER]
    moves.sort(key=lambda move: move.verb is not first)
    with_words = reply_templates.for_moves(
        appeal, [move.verb for move in moves], suggestion and suggestion.category
    )
    chosen = next((t for each in with_words.values() for t in each if str(t.pk) == template), None)
    other = other_holder(appeal, actor) is not None
    opened = bound.move.verb if bound else chosen.verb if chosen else None if other else first
    silent = [name_of(each.unit) for each in live if each.kind == ClockKind.HELP]
    found = []
    for move in moves:
        initial = _initial(move, appeal, suggestion)
        words = text_field(move)
        if chosen is not None and chosen.verb is move.verb and words:
            initial[words] = chosen.words
        form = bound
        if form is None or form.move is not move:
            form = VerbForm(move, known, initial=initial)
        if move.verb is Verb.RESOLVE and silent:
            names = _("、").join(silent)
            form.ask_for("why", _("%s还没有回复协办，不等的理由（内部）") % names)
        found.append(
            {
                "verb": move.verb,
                "first": move.verb is first,
                "open": move.verb is opened,
                "danger": move.verb in _ENDING,
                "form": form,
                "words": words,
                "templates": with_words.get(move.verb, []) if words else [],
                "key": KEYS.get(move.verb, ""),
                "at_once": move.verb is first and move.verb in _AT_ONCE,
            }
        )
    return found


def text_field(move: Move) -> str:
    """The field that a template of this verb fills: the first words it asks for."""
    return next((f.name for f in move.fields if f.kind is FieldKind.TEXT), "")


def _initial(move: Move, appeal: Appeal, suggestion: Any) -> dict[str, Any]:
    if move.verb is Verb.SORT:
        return sort_initial(appeal, suggestion)
    return initial_of(move.verb, appeal)
