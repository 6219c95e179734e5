"""`move`, the only function that changes an appeal."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from psycopg.errors import LockNotAvailable

from yinghu.appeals import clocks
from yinghu.appeals.filing import ALARM_QUEUE, DANGER_TASK, REACT_TASK, URGENT_PRIORITY
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal, Attachment, Clock, Event
from yinghu.appeals.notify import ALARMS, NOTIFY_CHANNEL, notify_change, payload
from yinghu.appeals.reply_gaps import COLONS, find_gap
from yinghu.appeals.states import (
    DESKS,
    ENDED,
    OF_UNITS,
    OPEN,
    ClockKind,
    Status,
    Who,
    resting_status,
)
from yinghu.appeals.verb import BY_ITSELF, Verb, VerbField
from yinghu.common import text_cleaning
from yinghu.common.job_queue import queue
from yinghu.common.photos import MAX_PHOTOS, StoredPhoto
from yinghu.common.raw_query import fetch
from yinghu.people.access import Actor, may_see, relations, serves

MAX_WORDS = 10_000
"""Characters; the longest of 2,720 real answers has 7,883."""

ENDING_ALARMS = DESKS | {Who.CALLBACK, Who.REQUESTER}
"""Who may end a case with an open alarm. If its requester does, the alarm goes on until a desk has
looked: somebody may have been made to withdraw.
"""

Change = Callable[[Appeal], dict[str, Any]]


class Refused(Exception):
    """The verb was refused and nothing changed. `code` is stable, `message` is for people.

    `field` names the invalid field, if any; `status` is the matching HTTP status.
    """

    status = 422

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


class NotFound(Refused):
    """The subject, such as an appeal, does not exist, or the actor may not see it."""

    status = 404


class Forbidden(Refused):
    """The actor sees the subject but may not do this."""

    status = 403


class Conflict(Refused):
    """The verb no longer fits the subject's status or version."""

    status = 409


_CLOCK_MESSAGES = {
    ClockKind.RULING: gettext_noop("没有等着裁定的申请，可能别人刚刚裁定过"),
    ClockKind.HELP: gettext_noop("没有请您的单位协办，或者已经回复过"),
    ClockKind.ACCOUNT: gettext_noop("没有等着回复的督办要求，或者已经回复过"),
    ClockKind.WHISTLE: gettext_noop("没有吹哨请您的单位报到，或者已经报到过"),
    ClockKind.MEASURES: gettext_noop("请先报到；或者四要素已经报过"),
    ClockKind.CONTEST: gettext_noop("没有等着裁定的异议，可能别人刚刚裁定过"),
    ClockKind.GRADE: gettext_noop("没有等着您的单位评价的吹哨，或者已经评过"),
    ClockKind.ALARM: gettext_noop("已经有人在看这个警报"),
}
"""Message if a verb needs a running clock (`Verb.needs`) and there is none."""

_FLAG_MESSAGES = {
    "alarmed": gettext_noop("这件诉求没有在报警，可能别人刚刚判断过"),
    "watched": gettext_noop("这件诉求没有在督办，可能别人刚刚解除过"),
}
"""Message if the column `Verb.flag` is not set."""


def possible(verbs: Iterable[Verb], appeal: Appeal, actor: Actor) -> list[Verb]:
    """Return those verbs that the actor may do to the case now, in their order."""
    mine = relations(actor, appeal)
    found = [
        verb
        for verb in verbs
        if appeal.status in verb.sources
        and verb.who & mine
        and not verb.errand
        and _flag_is_set(verb, appeal)
    ]
    live = list(clocks.running(appeal.pk)) if any(verb.needs for verb in found) else []
    return [verb for verb in found if _clock_runs(verb, actor, live)]


def _flag_is_set(verb: Verb, appeal: Appeal) -> bool:
    return not verb.flag or bool(getattr(appeal, verb.flag))


def _clock_runs(verb: Verb, actor: Actor, live: list[Clock]) -> bool:
    if verb.needs is None:
        return True
    found = [clock for clock in live if clock.kind == verb.needs]
    if verb.needs not in OF_UNITS or verb.any_unit:
        return bool(found)
    return any(clock.unit_id in actor.all_units for clock in found)


def move(
    appeal_id: int,
    actor: Actor,
    verb: Verb,
    change: Change | None = None,
    words: str = "",
    why: str = "",
    facts: dict[str, Any] | None = None,
    photos: Sequence[StoredPhoto] = (),
    expect: int | None = None,
) -> Event:
    """Do a verb. Raises NotFound, Forbidden, Conflict or Refused without changing anything.

    `change` receives the locked row and returns the columns to write; `expect` is the version that
    the actor saw, where acting on an older one would be wrong.
    """
    if len(photos) > MAX_PHOTOS:
        raise Refused("too_many_photos", _("最多 %d 张照片") % MAX_PHOTOS, "photos")
    words, why = text_cleaning.clean_words(words), text_cleaning.clean_words(why)
    with told_if_busy(), transaction.atomic():
        found = fetch(Appeal, "WHERE id = %s FOR NO KEY UPDATE", appeal_id)
        appeal = found[0] if found else None
        if appeal is None or not may_see(actor, appeal):
            raise NotFound("not_found", _("没有这件诉求"))
        _check_allowed(verb, appeal, actor, words, why, expect)
        columns = change(appeal) if change else {}
        now = timezone.now()
        before, holder = appeal.state, appeal.holder_id
        was_alarmed = appeal.alarmed
        limited_by = appeal.category_id, appeal.urgency
        for name, value in columns.items():
            setattr(appeal, name, value)
        appeal.status = _target_status(verb, appeal)
        if appeal.holder_id != holder:
            columns["holder_id"] = appeal.holder_id
        if appeal.status in ENDED and before not in ENDED:
            columns["closed_at"] = appeal.closed_at = now
        ends = before in OPEN and appeal.status not in OPEN
        if was_alarmed and ends and actor.kind != "requester":
            columns["alarmed"] = appeal.alarmed = False
        if not verb.errand:
            # Errands do not affect the clocks of their case.
            relimited = limited_by != (appeal.category_id, appeal.urgency)
            clocks.change_clocks(verb, appeal, before, now, facts or {}, relimited=relimited)
            columns["due_at"] = clocks.next_due(appeal)
        Appeal.objects.filter(pk=appeal.pk).update(
            **columns,
            status=appeal.status,
            version=F("version") + 1,
            moved_at=now,
        )
        event = Event(
            appeal=appeal,
            seq=appeal.version + 1,
            verb=verb.name,
            from_status=before,
            to_status=appeal.status,
            actor_kind=actor.kind,
            user_id=actor.user_id,
            words=words,
            why=why,
            facts=facts or {},
            klass=appeal.klass,
            category_id=appeal.category_id,
            unit_id=appeal.unit_id,
            area_id=appeal.area_id,
            at=now,
        )
        _record(event)
        Attachment.objects.bulk_create(
            Attachment.of(photo, appeal.pk, event.pk) for photo in photos
        )
        if was_alarmed and not appeal.alarmed and ALARMS not in verb.lists:
            notify_change(ALARMS, [appeal.pk])
        if verb.at_alarm:
            queue(REACT_TASK, to=ALARM_QUEUE, priority=URGENT_PRIORITY, events=[event.pk])
        else:
            queue(REACT_TASK, events=[event.pk])
        if verb.read_for_danger and words:
            queue(DANGER_TASK, priority=URGENT_PRIORITY, events=[event.pk])
    return event


@contextmanager
def told_if_busy() -> Iterator[None]:
    """Raise Conflict if somebody holds a row of the case for longer than a page may wait."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Conflict("busy", _("别人正在办这件诉求，请等几秒再按一次")) from error
        raise


_EVENT_FIELDS = [field for field in Event._meta.concrete_fields if not field.primary_key]
_RECORD_SQL = f"""
WITH event AS (
    INSERT INTO appeals_event ({", ".join(field.attname for field in _EVENT_FIELDS)})
    VALUES ({", ".join("%s" for _field in _EVENT_FIELDS)})
    RETURNING id
), untallied AS (
    INSERT INTO appeals_untallied (event_id) SELECT id FROM event
)
SELECT id, pg_notify(%s, %s) FROM event
"""  # noqa: S608  # names of our own columns
"""Insert an event, queue its count and announce it, in one round trip."""


def _record(event: Event) -> None:
    written = [
        field.get_db_prep_save(getattr(event, field.attname), connection) for field in _EVENT_FIELDS
    ]
    told = payload(event.verb, [event.appeal_id])
    with connection.cursor() as cursor:
        cursor.execute(_RECORD_SQL, [*written, NOTIFY_CHANNEL, told])
        event.pk, _none = cursor.fetchone()
    event._state.adding = False


def _check_allowed(
    verb: Verb, appeal: Appeal, actor: Actor, words: str, why: str, expect: int | None
) -> None:
    mine = relations(actor, appeal)
    if not verb.who & mine:
        raise Forbidden("not_allowed", _("您不能对这件诉求做“%s”") % _(verb.label))
    flagged = _flag_is_set(verb, appeal)
    if appeal.status in verb.sources and not flagged and verb.flag in _FLAG_MESSAGES:
        raise Conflict("wrong_status", _(_FLAG_MESSAGES[verb.flag]))
    if appeal.status not in verb.sources or not flagged:
        raise Conflict(
            "wrong_status",
            _("这件诉求现在是“%(status)s”，不能再“%(verb)s”")
            % {"status": status_label(appeal.state), "verb": _(verb.label)},
        )
    if appeal.alarmed and verb.target not in {None, *OPEN} and not mine & ENDING_ALARMS:
        raise Conflict("alarmed", _("这件诉求正在报警，请研判、话务或值班席先判断是不是真的"))
    if verb.needs and not _clock_runs(verb, actor, list(clocks.running(appeal.pk))):
        raise Conflict("nothing_to", _(_CLOCK_MESSAGES[verb.needs]))
    if expect is not None and expect != appeal.version and _moved_since(appeal, expect):
        raise Conflict("moved_on", _("您看的时候，别人已经处理过这件诉求，请看最新情况"))
    given = {"words": words, "why": why}
    for field in verb.fields:
        if field.name in given:
            check_text(given[field.name], field)
    if actor.kind == "user":
        check_finished(verb, given)


def check_text(text: str, field: VerbField, longest: int = MAX_WORDS) -> None:
    """Refuse text that is missing, too long or cannot be stored."""
    if field.required and not text:
        raise Refused("missing", _("请填写“%s”") % _(field.label), field.name)
    if len(text) > longest:
        raise Refused("too_long", _("最多 %d 个字") % longest, field.name)
    if "\x00" in text:
        raise Refused("bad_text", _("文字里有不能保存的字符"), field.name)


def check_finished(verb: Verb, given: Mapping[str, Any]) -> None:
    """Refuse a reply of staff (texts by field) in which a gap of its template was left."""
    if verb.for_requester or verb.errand:
        return
    for field in verb.fields:
        gap = find_gap(given.get(field.name) or "") if field.from_template else ""
        if gap.endswith(COLONS):
            raise Refused("unfinished", _("“%s”后面还没有写，请写完再发") % gap, field.name)
        if gap:
            problem = _("“%s”还空着，请填好再发；如果不是要填的空，请换一种写法")
            raise Refused("unfinished", problem % gap, field.name)


def checked_line(text: str, verb: Verb, name: str, longest: int = 200) -> str:
    """Clean a one-line text field. Raises Refused."""
    text = text_cleaning.clean_words(text)
    check_text(text, next(f for f in verb.fields if f.name == name), longest)
    return text


def _moved_since(appeal: Appeal, expect: int) -> bool:
    """Has a person acted since that version? The platform's own chasing does not count."""
    if expect > appeal.version:
        return True
    return appeal.events.filter(seq__gt=expect).exclude(verb__in=BY_ITSELF).exists()


def _target_status(verb: Verb, appeal: Appeal) -> Status:
    """Return the status after the verb; `appeal` carries its new columns."""
    if appeal.status in verb.rests_from:
        # A holder who has left the unit no longer counts.
        held = serves(appeal.unit_id, appeal.holder_id)
        appeal.holder_id = appeal.holder_id if held else None
        return resting_status(
            held=held,
            unit=appeal.unit_id is not None,
            category=appeal.category_id is not None,
            returned=appeal.returned,
        )
    return verb.target or appeal.state
