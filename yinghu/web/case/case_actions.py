"""Actions on the case page: available verbs, their order and forms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals import reply_templates
from yinghu.appeals.actions import SORT
from yinghu.appeals.closing_actions import CLOSE
from yinghu.appeals.handling_actions import EXTEND
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import ClockKind, Status
from yinghu.appeals.verb import FieldKind, Verb
from yinghu.common.language import name_of
from yinghu.oversight import sharing, whistle_duties, whistles
from yinghu.oversight.callback import NO_ANSWER, Calls
from yinghu.oversight.sharing_actions import CONTACT, SHARE, UNSHARE
from yinghu.oversight.whistle_actions import GRADE, MEASURES, REPORT_IN, WHISTLE
from yinghu.people.access import Actor, speaking
from yinghu.people.models import Unit, User
from yinghu.places.models import Area
from yinghu.triage.suggest import AreaGuess
from yinghu.ui import times
from yinghu.ui.forms import Known, VerbForm, initial_of, sort_initial, sorted_initial
from yinghu.verbs import VERBS, available

ALL_KEYS = "".join(verb.key for verb in VERBS.values()) + "ams0"
"""Keys used by verbs; j k u / ? have other meanings."""


def first_at(status: Status) -> Verb | None:
    """The verb whose form is open at this status; the others are folded."""
    return next((verb for verb in VERBS.values() if verb.first_at is status), None)


def offered_verbs(appeal: Appeal, actor: Actor) -> tuple[list[Verb], Known]:
    """The verbs available to the actor and the choices of their forms."""
    verbs = available(appeal, actor)
    known = Known(appeal.unit_id, appeal.holder_id)
    if WHISTLE in verbs:
        known.to_call = [(u.code, name_of(u)) for u in whistles.units_to_call(appeal, actor)]
    if REPORT_IN in verbs or MEASURES in verbs:
        known.speakers = [(u.code, name_of(u)) for u in whistles.called(appeal, actor)]
    if GRADE in verbs:
        calls = whistle_duties.to_grade(appeal, actor)
        known.to_grade = [(c.unit.code, name_of(c.unit), c.reported_at is not None) for c in calls]
        if not calls:
            verbs.remove(GRADE)
    if SHARE in verbs:
        known.among["partners"] = _unit_choices(sharing.partners(appeal))
    if CONTACT in verbs:
        name_colleagues(known, appeal, actor)
    if UNSHARE in verbs:
        known.among["shared"] = _unit_choices(sharing.to_end(appeal, actor))

    def has_choices(verb: Verb) -> bool:
        asked = [field.among for field in verb.fields if field.among and field.required]
        return all(known.among.get(name) for name in asked)

    return [verb for verb in verbs if has_choices(verb)], known


def name_colleagues(known: Known, appeal: Appeal, actor: Actor) -> None:
    """Add the actor's units with a part in the case, and their people, to `known`."""
    own = sharing.sides(appeal, actor)
    known.among["sides"] = _unit_choices(own)
    names = {side.pk: name_of(side) for side in own}
    people: dict[str, str] = {}
    for post in speaking(names).exclude(user=actor.user_id).select_related("user"):
        label = f"{post.user} · {names[post.unit_id]}" if len(own) > 1 else str(post.user)
        people.setdefault(post.user.username, label)
    known.among["colleagues"] = list(people.items())


def _unit_choices(units: list[Unit]) -> list[tuple[str, str]]:
    return [(unit.code, name_of(unit)) for unit in units]


def other_holder(appeal: Appeal, actor: Actor) -> User | None:
    """The user handling the case, unless that is the actor."""
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
    template: str,
    guess: AreaGuess | None,
) -> list[dict[str, Any]]:
    """Template contexts of the verbs with their forms, the most important first.

    `live` are the running clocks, `bound` is a form with errors, `template` the id of the chosen
    reply template, `guess` the suggested area.
    """
    pressing = min((v for v in verbs if v.pressing), key=lambda v: v.pressing, default=None)
    usual = first_at(appeal.state)
    # Grading comes last.
    first = pressing or (usual if usual in verbs else GRADE)
    if calls and calls.enough and CLOSE in verbs:
        first = CLOSE
    if calls and not (bound and bound.verb is NO_ANSWER):
        # `calls.html` has a button for it.
        verbs = [verb for verb in verbs if verb is not NO_ANSWER]
    # `alarm.html` has buttons for these.
    verbs = [verb for verb in verbs if verb.flag != "alarmed"]
    verbs.sort(key=lambda verb: verb is not first)
    with_words = reply_templates.for_verbs(appeal, verbs, suggestion and suggestion.category)
    chosen = next((t for each in with_words.values() for t in each if str(t.pk) == template), None)
    other = other_holder(appeal, actor) is not None
    opened = bound.verb if bound else VERBS[chosen.verb] if chosen else None if other else first
    silent = [name_of(each.unit) for each in live if each.kind == ClockKind.HELP]
    filled = guess.area if guess and guess.likely else None
    found = []
    for verb in verbs:
        initial = _initial(verb, appeal, suggestion, filled)
        solve = next((each for each in live if each.kind == ClockKind.SOLVE), None)
        if verb is EXTEND and solve is not None:
            initial["until"] = _later(solve)
        if verb is MEASURES and (came := whistles.arrival(appeal, actor)):
            initial["received"] = times.to_the_minute(came)
        words = text_field(verb)
        if chosen is not None and chosen.verb == verb.name and words:
            initial[words] = chosen.words
        is_bound = bound is not None and bound.verb is verb
        form = bound if bound and is_bound else VerbForm(verb, known, initial=initial)
        if verb is EXTEND and solve is not None:
            form.fields["until"].help_text = _("现在的时限：%s") % times.day_time(solve.due_at)
        form.ask_about_unit(appeal.unit_id)
        form.ask_about_helpers(silent)
        found.append(
            {
                "verb": verb,
                "first": verb is first,
                "open": verb is opened,
                "danger": verb.ending,
                "form": form,
                "words": words,
                "templates": with_words.get(verb.name, []) if words else [],
                "at_once": verb is first and verb.at_once,
                "offer": guess if verb is SORT and not filled else None,
            }
        )
    return found


def _later(solve: Clock) -> datetime:
    """A day after the deadline, or after now where that has passed, to the full hour."""
    start = timezone.localtime(max(solve.due_at, timezone.now()))
    return start.replace(minute=0, second=0, microsecond=0) + timedelta(days=1, hours=1)


def text_field(verb: Verb) -> str:
    """Name of the verb's first text field, which reply templates fill; "" if none."""
    return next((f.name for f in verb.fields if f.kind is FieldKind.TEXT), "")


def _initial(verb: Verb, appeal: Appeal, suggestion: Any, area: Area | None) -> dict[str, Any]:
    category = next((f for f in verb.fields if f.kind is FieldKind.CATEGORY), None)
    if category is None:
        return initial_of(verb, appeal)
    if category.required:
        return sort_initial(appeal, suggestion, area)
    return sorted_initial(appeal)
