"""Automatic reactions to events: one table, run by one job.

Every writer of events (`appeals.moving`, `appeals.filing`, `oversight.sweep`) queues the job
`yinghu.react` in its transaction, so the job exists exactly if the event does. A reaction may run
again after a crash: each one is idempotent.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import F
from django.utils.translation import gettext as _
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app as jobs

from yinghu.appeals import actions, clocks, closing_actions, merged, moving
from yinghu.appeals.actions import ACCEPT, ANSWER, ASSIGN, CORRECT, HAND, RETURN, SORT
from yinghu.appeals.closing_actions import CLOSE, DECLINE, MERGE, RATE, REOPEN, WITHDRAW
from yinghu.appeals.filing import (
    ALARM_QUEUE,
    DANGER_TASK,
    FILE,
    REACT_TASK,
    RECORD,
    URGENT_PRIORITY,
)
from yinghu.appeals.handling_actions import RESOLVE, SUPPLY, URGE
from yinghu.appeals.models import Appeal, Category, ChaseAct, Clock, Event
from yinghu.appeals.notify import notify_change
from yinghu.appeals.policies import policy
from yinghu.appeals.states import ClockKind, Satisfaction, Status, Urgency
from yinghu.appeals.verb import Verb
from yinghu.common.job_queue import queue
from yinghu.common.privacy.masking import without_numbers
from yinghu.errands import follow_ups
from yinghu.errands.actions import DROP, PLAN
from yinghu.errands.leg_actions import FINISH, GIVE_BACK, HAND_OVER, TAKE
from yinghu.notifications.outbox import notify_audience
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import alarm_actions
from yinghu.oversight.actions import CHASE, ESCALATE, RULE
from yinghu.oversight.alarm_actions import ALARM, CONFIRM, DISMISS
from yinghu.oversight.whistle_actions import WHISTLE
from yinghu.people.access import SYSTEM
from yinghu.routing.models import RoutingRule
from yinghu.routing.routing import active_rules, route
from yinghu.triage import appeal_urgency, duplicates, search, suggest
from yinghu.triage.training import learn
from yinghu.triage.urgency import Judgement, UrgencyModel
from yinghu.triage.urgency_learning import learn_urgency, urgency_model
from yinghu.verbs import NOTIFYING, verb_of

log = structlog.get_logger()

ATTEMPTS = 5

Reaction = Callable[[Sequence[Event]], None]


def index_words(events: Sequence[Event]) -> None:
    """Index the appeals for search."""
    search.index([event.appeal for event in events])


def suggest_sorting(events: Sequence[Event]) -> None:
    """Suggest category, class, area and urgency to the triage desk."""
    suggest.suggest([event.appeal for event in events])
    # Lists showed the appeal when it was filed; its suggestion is news for them.
    notify_change("suggest", [event.appeal_id for event in events])


def record_duplicates(events: Sequence[Event]) -> None:
    """Record likely duplicates among earlier appeals."""
    duplicates.find_duplicates([event.appeal for event in events])


def route_sorted(events: Sequence[Event]) -> None:
    """Assign a sorted appeal by the first fitting rule; else it stays with the dispatch desk."""
    rules = active_rules()
    for event in events:
        _try_again(_route, event, rules)


def _route(event: Event, rules: list[RoutingRule]) -> None:
    appeal = Appeal.objects.get(pk=event.appeal_id)
    since = appeal.events.filter(seq__gt=event.seq).exclude(from_status=F("to_status"))
    if appeal.status != Status.SORTED or appeal.returned or since.exists():
        # Changed meanwhile, or returned by a unit: the dispatcher decides.
        return
    rule = route(appeal, rules)
    if rule is not None:
        why = _("规则 %d") % rule.order
        actions.assign(appeal.pk, SYSTEM, unit=rule.unit.code, why=why, expect=appeal.version)


def relay_to_master(events: Sequence[Event]) -> None:
    """Bring what requesters of merged cases say to those who have the master."""
    for event in events:
        if event.to_status == Status.MERGED:
            _try_again(merged.relay, event)


def reopen_unsolved(events: Sequence[Event]) -> None:
    """Reopen a case that its requester rates as unsolved or unsatisfactory, with their words."""
    for event in events:
        if not _is_content(event.facts.get("solved"), event.facts.get("satisfaction")):
            _try_again(_reopen, event)


def _is_content(solved: object, satisfaction: object) -> bool:
    return solved is not False and satisfaction != Satisfaction.UNSATISFIED


_SETTLED = (RATE.name, REOPEN.name, RESOLVE.name, ANSWER.name)
"""After one of these a rating is outdated."""


def _reopen(event: Event) -> None:
    appeal = Appeal.objects.get(pk=event.appeal_id)
    since = appeal.events.filter(seq__gt=event.seq, verb__in=_SETTLED)
    rated = appeal.solved is not None and not _is_content(appeal.solved, appeal.satisfaction)
    if rated and not since.exists() and appeal.status in REOPEN.sources:
        unsolved = _("诉求人评价：没有解决")
        words = event.words or (_("诉求人评价：不满意") if appeal.solved else unsolved)
        closing_actions.reopen(appeal.pk, SYSTEM, words=words, expect=appeal.version)


def raise_unsatisfied(events: Sequence[Event]) -> None:
    """Raise cases that came back from their requester too often, by policy."""
    most = policy("raise_unsatisfied")
    for event in events:
        itself = event.actor_kind == "system" and event.from_status in _DONE
        again = {"actor_kind": "system", "from_status__in": _DONE}
        if most and itself and _count_done(event, REOPEN, **again) >= most:
            _raise(event, _("%d 次没有解决或不满意") % most)


_DONE = (Status.RESOLVED, Status.CLOSED)


def raise_returned(events: Sequence[Event]) -> None:
    """Raise cases that units returned too often, including those reassigned at once."""
    most = policy("raise_returned")
    for event in events:
        if not most or event.facts.get("of") != RETURN.name or not event.facts.get("agree"):
            continue
        refused = {"facts__of": RETURN.name, "facts__agree": False}
        times = _count_done(event, RETURN) - _count_done(event, RULE, **refused)
        if times >= most:
            _raise(event, _("退了 %d 次") % most)


def raise_emergency(events: Sequence[Event]) -> None:
    """Raise a danger to life as soon as it has a unit and nobody has to judge it, by policy."""
    if policy("raise_emergency"):
        for event in events:
            appeal = event.appeal
            known = appeal.urgency == Urgency.EMERGENCY and not appeal.alarmed
            if known and appeal.unit_id is not None and appeal.lead_id is None:
                _raise(event, _("危急"))


def raise_chased(events: Sequence[Event]) -> None:
    """Raise cases whose chasing step says so, and once those of unanswered whistles, by policy."""
    silent = policy("raise_silent_whistle")
    for event in events:
        kind, act = event.facts["clock"], event.facts["act"]
        if act == ChaseAct.RAISE and _still_late(event):
            said = {"clock": _(ClockKind(kind).label), "percent": event.facts["percent"]}
            _raise(event, _("“%(clock)s”用到时限的 %(percent)d%%") % said)
        elif silent and (kind, act) == (ClockKind.WHISTLE, ChaseAct.REPORT) and _still_late(event):
            earlier = Event.objects.filter(appeal=event.appeal_id, seq__lt=event.seq)
            since = earlier.filter(verb=WHISTLE.name).order_by("-seq").values("seq")[:1]
            # The report goes to one level after another; only the first one raises the case.
            if not earlier.filter(verb=ESCALATE.name, seq__gt=since).exists():
                _raise(event, _("吹哨后没有报到"))


def ring_again(events: Sequence[Event]) -> None:
    """Raise an alarm again that somebody looked at and nobody has judged in time."""
    for event in events:
        if event.facts["clock"] == ClockKind.JUDGE and _still_late(event):
            _try_again(_ring_again, event)


def _ring_again(event: Event) -> None:
    appeal = Appeal.objects.get(pk=event.appeal_id)
    last = alarm_actions.last_alarm(appeal)
    if last is None or not appeal.alarmed or not _still_late(event):
        return
    alarm_actions.alarm(
        appeal.pk,
        SYSTEM,
        why=_("有人在看，但到时间还没有判断"),
        evidence=last.facts.get("words", ()),
        read=last.facts.get("read"),
        expect=appeal.version,
    )


def _still_late(event: Event) -> bool:
    """Does the chased clock still run: not stopped, paused, extended or replaced?"""
    due = datetime.fromisoformat(event.facts["due"])
    unit = event.facts.get("unit_id")
    live = Clock.objects.filter(appeal=event.appeal_id, stopped_at=None, paused_at=None, due_at=due)
    return live.filter(kind=event.facts["clock"], unit=unit).exists()


def _count_done(event: Event, verb: Verb, **more: object) -> int:
    done = Event.objects.filter(appeal=event.appeal_id, seq__lte=event.seq, verb=verb, **more)
    return done.count()


def _raise(event: Event, why: str) -> None:
    """Raise the case once for an event, unless it has been raised or ended since."""
    _try_again(_raise_once, event, why)


def _raise_once(event: Event, why: str) -> None:
    seen = Appeal.objects.values_list("version", flat=True).get(pk=event.appeal_id)
    since = Event.objects.filter(appeal=event.appeal_id, seq__gt=event.seq, verb=ESCALATE.name)
    if since.exists():
        return
    try:
        oversight_actions.escalate(event.appeal_id, SYSTEM, why=why, expect=seen)
    except moving.Conflict as refused:
        if refused.code == "moved_on":
            raise
        # At the top already, or waiting for its requester: the people notified handle it.
        log.info("not_raised", appeal=event.appeal_id, why=refused.code)


def reopen_merged(events: Sequence[Event]) -> None:
    """Reopen cases that were merged into an appeal that was withdrawn or declined."""
    for event in events:
        for child in Appeal.objects.filter(master=event.appeal_id, status=Status.MERGED):
            _try_again(_reopen_one_merged, child.pk)


def _reopen_one_merged(appeal_id: int) -> None:
    appeal = Appeal.objects.select_related("master").get(pk=appeal_id)
    helpless = (Status.WITHDRAWN, Status.DECLINED)
    if appeal.status == Status.MERGED and appeal.master and appeal.master.status in helpless:
        words = _("并入的那件诉求没有办下去，您的诉求重新办理")
        closing_actions.reopen(appeal.pk, SYSTEM, words=words, expect=appeal.version)


def _try_again(react_to: Callable[..., None], *given: object) -> None:
    for attempt in range(ATTEMPTS):
        try:
            return react_to(*given)
        except moving.Conflict:
            if attempt == ATTEMPTS - 1:
                raise


def raise_alarm(event: Event, category: Category | None, model: UrgencyModel) -> None:
    """Raise an alarm if the event's words, or the case as filed, tell of a danger to life."""
    appeal, filed = event.appeal, event.verb == FILE.name
    if appeal.state not in ALARM.sources:
        return
    if filed and appeal.urgency == Urgency.EMERGENCY:
        found = Judgement(Urgency.EMERGENCY.value, 1.0)
    elif filed:
        found = appeal_urgency.judge(appeal.full_text, appeal.answers, category, model)
    else:
        found = appeal_urgency.judge(event.words, {}, None, model)
    if found.urgency == Urgency.EMERGENCY:
        _try_again(_alarm_once, event, found)


def _alarm_once(event: Event, found: Judgement) -> None:
    appeal = Appeal.objects.get(pk=event.appeal_id)
    if appeal.state not in ALARM.sources or _is_dealt_with(appeal, event):
        return
    words = [without_numbers(each) for each in found.evidence]
    why = _("系统读出可能有危险：%s") % _("、").join(words)
    alarm_actions.alarm(
        appeal.pk,
        SYSTEM,
        why=why if words else _("登记为危急"),
        evidence=words,
        read=event.seq,
        expect=appeal.version,
    )


_LOOKED_AT = (ALARM.name, SORT.name, CORRECT.name, ANSWER.name, ASSIGN.name)
"""Who did one of these has read the case as it was filed."""


def _is_dealt_with(appeal: Appeal, event: Event) -> bool:
    """Has an alarm been raised for these words, or does one wait, or has a person read the filing?

    What the requester said later counts as read only by an alarm: somebody may have sorted or
    assigned the case without seeing it.
    """
    waits = clocks.running(appeal.pk).filter(kind=ClockKind.ALARM)
    raised = appeal.events.filter(verb=ALARM.name, facts__read__gte=event.seq)
    read = appeal.events.filter(verb__in=_LOOKED_AT, actor_kind="user")
    return waits.exists() or raised.exists() or (event.verb == FILE.name and read.exists())


def classify_answered(events: Sequence[Event]) -> None:
    """Classify what was answered at once as suggested, so that no answered case is 未定."""
    for event in events:
        _try_again(_classify_answered, event)


def _classify_answered(event: Event) -> None:
    appeal = Appeal.objects.select_related("category").get(pk=event.appeal_id)
    if appeal.category_id is not None and appeal.klass:
        return
    (found,) = suggest.compute_suggestions([appeal])
    category, klass = found.category_id or "", found.klass
    if appeal.category is not None:
        category, klass = "", appeal.category.klass
    if category or klass:
        why = _("直接答复的，按系统建议分类")
        actions.correct(
            appeal.pk, SYSTEM, category=category, klass=klass, why=why, expect=appeal.version
        )


REACTIONS: dict[Verb, tuple[Reaction, ...]] = {
    FILE: (index_words, suggest_sorting, record_duplicates),
    RECORD: (index_words,),
    SORT: (route_sorted,),
    CORRECT: (raise_emergency, follow_ups.resolve_when_done),
    CONFIRM: (raise_emergency, follow_ups.resolve_when_done),
    DISMISS: (follow_ups.resolve_when_done,),
    ASSIGN: (raise_emergency, follow_ups.plan_errands),
    ACCEPT: (follow_ups.plan_errands,),
    PLAN: (follow_ups.look_for_helpers,),
    TAKE: (follow_ups.hand_to_member, follow_ups.look_for_helpers),
    GIVE_BACK: (follow_ups.look_for_helpers,),
    HAND_OVER: (follow_ups.resolve_when_done, follow_ups.look_for_helpers),
    FINISH: (follow_ups.resolve_when_done, follow_ups.look_for_helpers),
    HAND: (follow_ups.resolve_when_done,),
    DROP: (follow_ups.look_for_helpers, follow_ups.resolve_when_done),
    RESOLVE: (follow_ups.cancel_errands,),
    CLOSE: (follow_ups.cancel_errands,),
    ANSWER: (follow_ups.cancel_errands, classify_answered),
    MERGE: (follow_ups.cancel_errands,),
    RULE: (raise_returned,),
    # First, while it still has its master.
    RATE: (relay_to_master, reopen_unsolved),
    URGE: (relay_to_master,),
    SUPPLY: (relay_to_master,),
    REOPEN: (raise_unsatisfied,),
    CHASE: (raise_chased, ring_again),
    WITHDRAW: (reopen_merged, follow_ups.cancel_errands),
    DECLINE: (reopen_merged, follow_ups.cancel_errands),
}


@jobs.task(
    name=REACT_TASK,
    queue="react",
    # Seconds: 1, 2, 4 … for about an hour in all, longer than a restart, shorter than a shift.
    retry=RetryStrategy(max_attempts=12, exponential_wait=2),
)
def react(events: list[int]) -> None:
    """Notify people of these events and run REACTIONS, in batches of one verb.

    If a batch fails, each of its events is tried alone, so that one bad appeal holds up no other.
    """
    try:
        _react(events)
    except Exception:
        if len(events) == 1:
            raise
        log.exception("batch_failed", events=len(events))
        for event in events:
            queue(REACT_TASK, events=[event])


@jobs.task(
    name=DANGER_TASK,
    queue=ALARM_QUEUE,
    retry=RetryStrategy(max_attempts=12, exponential_wait=2),
)
def look_for_danger(events: list[int]) -> None:
    """Read what was filed or said for danger to life, and raise alarms; newest first.

    What had been said long before it was filed raises none. An event that fails is tried again
    alone, so that it holds up no other.
    """
    long_ago = F("appeal__filed_at") - timedelta(hours=policy("alarm_hours"))
    found = Event.objects.filter(pk__in=events).select_related("appeal").order_by("-pk")
    found = found.exclude(verb=FILE.name, appeal__said_at__lt=long_ago)
    categories = Category.objects.in_bulk()
    model = urgency_model()
    for event in found:
        try:
            raise_alarm(event, categories.get(event.appeal.category_id or ""), model)
        except Exception:
            if len(events) == 1:
                raise
            log.exception("not_read_for_danger", event=event.pk)
            queue(DANGER_TASK, priority=URGENT_PRIORITY, events=[event.pk])


def _react(events: list[int]) -> None:
    verbs = {verb.name for verb in REACTIONS} | NOTIFYING
    found = Event.objects.filter(pk__in=events, verb__in=verbs)
    ordered = list(found.select_related("appeal", "unit").order_by("pk"))
    # First, because reactions write events of their own, with their own notifications.
    notify_audience(ordered)
    by_verb: dict[Verb, list[Event]] = {}
    for event in ordered:
        by_verb.setdefault(verb_of(event), []).append(event)
    for verb, batch in by_verb.items():
        for reaction in REACTIONS.get(verb, ()):
            reaction(batch)


@jobs.periodic(cron="23 3 * * *", periodic_id="learn")
@jobs.task(name="yinghu.learn", queueing_lock="yinghu.learn")
def learn_nightly(timestamp: int) -> None:
    """Train the models of categories and of urgency on people's decisions, every night."""
    if (urgency := learn_urgency()) is not None:
        log.info("learned", urgency=urgency.decisions, in_use=urgency.in_use)
    made = learn()
    if made is not None:
        log.info("learned", decisions=made.decisions, accuracy=made.accuracy, in_use=made.in_use)
