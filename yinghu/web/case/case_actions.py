"""What the page of a case offers its reader to do: which verbs, in what order, with what forms."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from yinghu.appeals import reply_templates
from yinghu.appeals.closing_actions import CLOSE
from yinghu.appeals.handling_actions import RESOLVE
from yinghu.appeals.labels import name_of
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import ClockKind, Status
from yinghu.appeals.verb import FieldKind, Verb
from yinghu.oversight import sharing, whistle_duties, whistles
from yinghu.oversight.callback import NO_ANSWER, Calls
from yinghu.oversight.sharing_actions import CONTACT, SHARE, UNSHARE
from yinghu.oversight.whistle_actions import GRADE, MEASURES, REPORT_IN, WHISTLE
from yinghu.people.access import Actor, speaking
from yinghu.people.models import Unit, User
from yinghu.ui.forms import Known, VerbForm, initial_of, sort_initial, sorted_initial
from yinghu.verbs import VERBS, available

ALL_KEYS = "".join(verb.key for verb in VERBS.values()) + "ams0"
"""What a key may stand for at a case, at one time or another. Taken for other things: j k u / ?."""


def first_at(status: Status) -> Verb | None:
    """The verb whose form lies open at a status; all others stand beneath it, folded."""
    return next((verb for verb in VERBS.values() if verb.first_at is status), None)


def offered(appeal: Appeal, actor: Actor) -> tuple[list[Verb], Known]:
    """What this actor may do now, and what their forms offer. A whistle is there to be rated once
    somebody has come, or their time is over.
    """
    verbs = available(appeal, actor)
    known = Known(appeal.unit_id, appeal.holder_id)
    if WHISTLE in verbs:
        known.to_call = [(u.code, name_of(u)) for u in whistles.to_call(appeal, actor)]
    if REPORT_IN in verbs or MEASURES in verbs:
        known.speakers = [(u.code, name_of(u)) for u in whistles.called(appeal, actor)]
    if GRADE in verbs:
        calls = whistle_duties.to_grade(appeal, actor)
        known.to_grade = [(c.unit.code, name_of(c.unit), c.reported_at is not None) for c in calls]
        if not calls:
            verbs.remove(GRADE)
    if SHARE in verbs:
        known.among["partners"] = _coded(sharing.partners(appeal))
    if CONTACT in verbs:
        name_colleagues(known, appeal, actor)
    if UNSHARE in verbs:
        known.among["shared"] = _coded(sharing.to_end(appeal, actor))
    return [verb for verb in verbs if _has_choices(verb, known)], known


def _has_choices(verb: Verb, known: Known) -> bool:
    """Whether there is somebody to do it with, where it needs one of a few."""
    asked = [field.among for field in verb.fields if field.among and field.required]
    return all(known.among.get(name) for name in asked)


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
    verbs: list[Verb],
    calls: Calls | None,
    live: list[Clock],
    template: str = "",
) -> list[dict[str, Any]]:
    """The `verbs` that this actor has now, the one to do first at the top, with their forms.

    `live` are the running clocks, `bound` is a form that was refused, `template` the id of a reply
    template that was chosen.
    """
    pressing = min((v for v in verbs if v.pressing), key=lambda v: v.pressing, default=None)
    usual = first_at(appeal.state)
    # A rating can wait for as long as there is something to do.
    first = pressing or (usual if usual in verbs else GRADE)
    if calls and calls.enough and CLOSE in verbs:
        first = CLOSE
    if calls and not (bound and bound.verb is NO_ANSWER):
        # One button beside the questions: see `calls.html`.
        verbs = [verb for verb in verbs if verb is not NO_ANSWER]
    verbs.sort(key=lambda verb: verb is not first)
    with_words = reply_templates.for_verbs(appeal, verbs, suggestion and suggestion.category)
    chosen = next((t for each in with_words.values() for t in each if str(t.pk) == template), None)
    other = other_holder(appeal, actor) is not None
    opened = bound.verb if bound else VERBS[chosen.verb] if chosen else None if other else first
    silent = [name_of(each.unit) for each in live if each.kind == ClockKind.HELP]
    found = []
    for verb in verbs:
        initial = _initial(verb, appeal, suggestion)
        words = text_field(verb)
        if chosen is not None and chosen.verb == verb.name and words:
            initial[words] = chosen.words
        form = bound
        if form is None or form.verb is not verb:
            form = VerbForm(verb, known, initial=initial)
        if verb is RESOLVE and silent:
            names = _("、").join(silent)
            form.ask_for("why", _("%s还没有回复协办，不等的理由（内部）") % names)
        found.append(
            {
                "verb": verb,
                "first": verb is first,
                "open": verb is opened,
                "danger": verb.ending,
                "form": form,
                "words": words,
                "templates": with_words.get(verb.name, []) if words else [],
                "key": verb.key,
                "at_once": verb is first and verb.at_once,
            }
        )
    return found


def text_field(verb: Verb) -> str:
    """The field that a template of this verb fills: the first words it asks for."""
    return next((f.name for f in verb.fields if f.kind is FieldKind.TEXT), "")


def _initial(verb: Verb, appeal: Appeal, suggestion: Any) -> dict[str, Any]:
    category = next((f for f in verb.fields if f.kind is FieldKind.CATEGORY), None)
    if category is None:
        return initial_of(verb, appeal)
    return sort_initial(appeal, suggestion) if category.required else sorted_initial(appeal)
