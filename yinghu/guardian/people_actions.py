"""Protected people: register, apply, decide, update, review, and wipe when consent ends.

Each function locks the person and writes a row of `people.Change` that says who did what and when,
and nothing of the person.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Concatenate, Final, ParamSpec, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused
from yinghu.appeals.policies import policy
from yinghu.common import photos
from yinghu.common.privacy.sealing import blind
from yinghu.guardian import tag_actions
from yinghu.guardian.models import Guardian, ProtectedPerson, Scan, Tag
from yinghu.guardian.registration import Fault, Invalid, Registration, checked
from yinghu.people import history, personal_keys
from yinghu.people.access import Actor, may_protect, protected_q
from yinghu.people.models import PersonKey, User
from yinghu.people.personal_keys import WipeProof, seal_bytes_for, seal_for

State = ProtectedPerson.State
KIND: Final = "protected"
"""Kind of these rows in the history of changes."""
STEPS: Final = {
    "registered": pgettext_lazy("done", "登记"),
    "applied": gettext_lazy("家属申请"),
    "approved": gettext_lazy("通过申请"),
    "refused": gettext_lazy("没有通过，资料已清除"),
    "updated": gettext_lazy("修改资料"),
    "reviewed": gettext_lazy("复核"),
    "ended": gettext_lazy("同意结束，资料已清除"),
}

MOST_APPLICATIONS: Final = 5
"""Applications of one phone that may wait to be decided."""

P = ParamSpec("P")
Done = TypeVar("Done")


def _on_person(
    act: Callable[Concatenate[ProtectedPerson, Actor, P], Done],
) -> Callable[Concatenate[int, Actor, P], Done]:
    """Let a step run on a locked person in the actor's areas. Raises NotFound for others."""

    @functools.wraps(act)
    def locked(person_id: int, actor: Actor, /, *args: P.args, **given: P.kwargs) -> Done:
        with transaction.atomic():
            people = ProtectedPerson.objects.select_for_update(of=("self",))
            found = people.select_related("key").filter(protected_q(actor), pk=person_id).first()
            if found is None:
                raise NotFound("no_person", _("没有这个人，或者不在您负责的区域"))
            return act(found, actor, *args, **given)

    return locked


def register(actor: Actor, given: Registration, *, sender: str = "") -> ProtectedPerson:
    """Register a person by staff of their area, active at once. Raises Invalid, Forbidden,
    Conflict if the person is registered already.

    `sender` has the budget for the photo.
    """
    if given.area and not may_protect(actor, given.area):
        raise Forbidden("elsewhere", _("这个地方不在您负责的区域，请交给那里的网格员登记"), "area")
    review_on = timezone.localdate() + timedelta(days=policy("protected_review_days"))
    return _create(given, State.ACTIVE, actor.user_id, review_on, sender)


def apply(given: Registration, phone: str, *, sender: str = "") -> ProtectedPerson:
    """Apply as a guardian whose `phone` (E.164) was verified. Raises Invalid, also if none of the
    guardians has this phone, and Conflict if it has too many applications already.
    """
    if phone not in {guardian.phone for guardian in checked(given).guardians}:
        raise Invalid([Fault("guardians.1.phone", _("请把您刚才验证的手机号写在监护人里"))])
    waiting = ProtectedPerson.objects.filter(state=State.APPLIED, guardians__caller=blind(phone))
    if waiting.count() >= MOST_APPLICATIONS:
        raise Conflict("enough", _("您已经有几份申请在等审核，请等网格员联系您"))
    return _create(given, State.APPLIED, None, None, sender, asked_by=phone)


def _create(
    given: Registration,
    state: State,
    by: int | None,
    review_on: date | None,
    sender: str,
    asked_by: str = "",
) -> ProtectedPerson:
    given = checked(given)
    photo = _photo(given, sender)
    with transaction.atomic():
        if asked_by:
            # Strangers can name a family's phone, and learn nothing of it.
            _refuse_twice(given.card.nickname, [asked_by], (State.APPLIED, State.ACTIVE))
        else:
            phones = [guardian.phone for guardian in given.guardians]
            _refuse_twice(given.card.nickname, phones, (State.ACTIVE,))
        key = personal_keys.create_key()
        person = ProtectedPerson(key=key, state=state, registered_by_id=by, review_on=review_on)
        _write(person, given, photo)
        person.save(force_insert=True)
        _write_guardians(person, given)
        _record(person, by, "registered" if state == State.ACTIVE else "applied")
    return person


def _refuse_twice(nickname: str, phones: Iterable[str], states: tuple[State, ...]) -> None:
    """Refuse somebody who is registered already, by what they are called and a guardian's phone;
    also if the same form is sent twice at once. Raises Conflict.
    """
    callers = sorted({caller for phone in phones if (caller := blind(phone))})
    with connection.cursor() as cursor:
        for caller in callers:
            cursor.execute(_LOCK_SQL, [caller.hex()])
    known = Guardian.objects.filter(caller__in=callers, person__nickname=nickname)
    if known.filter(person__state__in=states).exists():
        said = _("这个称呼和监护人电话已经登记过。是另一位的，请换个称呼，例如加上排行")
        raise Conflict("registered", said, "nickname")


_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 16))"


def people_of_guardian(phone: str) -> QuerySet[ProtectedPerson]:
    """Return the people whose guardian has this verified phone (E.164), without wiped ones."""
    mine = Guardian.objects.filter(caller=blind(phone), active=True)
    people = ProtectedPerson.objects.filter(pk__in=mine.values("person"))
    return people.exclude(state=State.ENDED).select_related("key", "area").order_by("pk")


@_on_person
def approve(person: ProtectedPerson, actor: Actor) -> None:
    """Approve an application. Raises Conflict if it was decided."""
    _require(person, State.APPLIED)
    person.state, person.decided_at = State.ACTIVE, timezone.now()
    person.decided_by_id = actor.user_id
    person.review_on = timezone.localdate() + timedelta(days=policy("protected_review_days"))
    person.save(update_fields=("state", "decided_at", "decided_by", "review_on"))
    _record(person, actor.user_id, "approved")


@_on_person
def refuse(person: ProtectedPerson, actor: Actor) -> WipeProof:
    """Refuse an application and wipe it. Raises Conflict if it was decided."""
    _require(person, State.APPLIED)
    person.decided_at, person.decided_by_id = timezone.now(), actor.user_id
    return _wipe(person, actor, "refused")


def update(
    person_id: int, actor: Actor, given: Registration, *, sender: str = ""
) -> ProtectedPerson:
    """Replace what is stored by this registration; guardians left out become inactive.

    Raises Invalid, Forbidden for an area that is not the actor's, Conflict if the person was wiped.
    """
    given = checked(given)
    if not may_protect(actor, given.area):
        raise Forbidden("elsewhere", _("这个地方不在您负责的区域，请先和那里的网格员说好"), "area")
    return _update(person_id, actor, given, _photo(given, sender))


@_on_person
def _update(
    person: ProtectedPerson, actor: Actor, given: Registration, photo: bytes
) -> ProtectedPerson:
    _require(person, State.ACTIVE, State.APPLIED)
    _write(person, given, photo)
    person.save()
    _write_guardians(person, given)
    _record(person, actor.user_id, "updated")
    return person


@_on_person
def review(person: ProtectedPerson, actor: Actor) -> None:
    """Record that everything was checked today; the next review is after the city's period."""
    _require(person, State.ACTIVE)
    person.review_on = timezone.localdate() + timedelta(days=policy("protected_review_days"))
    person.save(update_fields=("review_on",))
    _record(person, actor.user_id, "reviewed")


@_on_person
def end_consent(person: ProtectedPerson, actor: Actor) -> WipeProof:
    """Wipe the person: destroy the key, empty the card and what can be emptied, retire the tags.

    Raises Conflict while a finder waits with the person; a second time it returns the proof.
    """
    if person.state == State.ENDED:
        return personal_keys.destroy_key(person.key_id, actor, "")
    waiting = (Scan.State.REPORTED, Scan.State.ANSWERED)
    if Scan.objects.filter(person=person, state__in=waiting, is_test=False).exists():
        raise Conflict("being_found", _("有人正和他在一起，请先接到人，再结束同意"))
    return _wipe(person, actor, "ended")


def _wipe(person: ProtectedPerson, actor: Actor, step: str) -> WipeProof:
    now = timezone.now()
    person.state, person.ended_at, person.review_on = State.ENDED, now, None
    person.details = person.photo = person.consent_by = b""
    person.nickname = person.advice = person.advice_en = ""
    person.is_ill = False
    person.save()
    person.guardians.update(active=False, caller=None, contact=b"")
    tag_actions.retire_all_of(person, actor)
    left = Scan.objects.filter(person=person).exclude(state=Scan.State.ENDED)
    left.update(state=Scan.State.ENDED, ended_at=now, next_at=None)
    _record(person, actor.user_id, step)
    return personal_keys.destroy_key(person.key_id, actor, f"person {person.pk}: {step}")


@dataclass(frozen=True, slots=True)
class WipeCheck:
    """What a look into the database finds of a wiped person now; all but the proof should be 0."""

    digest: str
    destroyed_at: datetime | None
    keys: int
    values: int
    phones: int
    active_tags: int

    @property
    def is_clean(self) -> bool:
        return not (self.keys or self.values or self.phones or self.active_tags)


def check_wiped(person_id: int) -> WipeCheck:
    """Look up what is left of a person: keys, card and sealed columns, phones, active tags."""
    person = ProtectedPerson.objects.get(pk=person_id)
    key = PersonKey.objects.get(pk=person.key_id)
    values = (
        *(person.details, person.photo, person.consent_by),
        *(person.nickname, person.advice, person.advice_en),
    )
    guardians = Guardian.objects.filter(person=person)
    return WipeCheck(
        digest=bytes(key.digest).hex(),
        destroyed_at=key.destroyed_at,
        keys=int(key.sealed is not None),
        values=sum(bool(value) for value in values) + guardians.exclude(contact=b"").count(),
        phones=guardians.exclude(caller=None).count(),
        active_tags=Tag.objects.filter(person=person, state=Tag.State.ACTIVE).count(),
    )


def _photo(given: Registration, sender: str) -> bytes:
    """Return the uploaded photo re-encoded without metadata, b"" for none. Raises Refused."""
    if not given.photo:
        return b""
    try:
        return photos.clean_jpeg(given.photo, sender)
    except photos.BadPhoto as bad:
        raise Refused("bad_photo", str(bad), "photo") from bad


def _write(person: ProtectedPerson, given: Registration, photo: bytes) -> None:
    card, consent = given.card, given.consent
    person.area_id = given.area
    person.details = seal_for(person.key, given.sealed_details())
    said = {"name": consent.name, "relation": consent.relation}
    person.consent_by = seal_for(person.key, said)
    person.consent_on, person.consent_until = consent.on, consent.until
    person.nickname, person.advice, person.advice_en = card.nickname, card.advice, card.advice_en
    person.is_ill = card.is_ill
    if photo:
        person.photo = seal_bytes_for(person.key, photo)


def _write_guardians(person: ProtectedPerson, given: Registration) -> None:
    stored = {guardian.pk: guardian for guardian in person.guardians.filter(active=True)}
    # Phones may change places.
    person.guardians.update(caller=None)
    for entry in given.guardians:
        guardian = stored.pop(entry.id or 0, None) or Guardian(person=person)
        guardian.order, guardian.caller = entry.order, blind(entry.phone)
        guardian.contact = seal_for(person.key, entry.contact())
        guardian.save()
    Guardian.objects.filter(pk__in=list(stored)).update(active=False, contact=b"")


def _require(person: ProtectedPerson, *states: State) -> None:
    """Raises Conflict unless the person is in one of these states."""
    if person.state not in states:
        raise Conflict("decided", _("别人刚刚处理过，请刷新看看"))


def _record(person: ProtectedPerson, by: int | None, step: str) -> None:
    user = User(pk=by) if by is not None else None
    history.record(user, KIND, str(person.pk), "", {}, {"step": step})
