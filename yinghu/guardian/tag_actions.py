"""Steps of a tag from the sewing needle to the end: each locks the row and writes a `TagEvent`.

The person is locked before the tag, so that nothing is activated for somebody who is just being
wiped.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused
from yinghu.common import text_cleaning
from yinghu.guardian.batches import batches_q
from yinghu.guardian.models import ProtectedPerson, Tag, TagBatch, TagEvent
from yinghu.guardian.tag_codes import digest_of, format_number, read_number
from yinghu.people.access import Actor, may_protect, protected_q

State, Step = Tag.State, TagEvent.Step

TEST_MINUTES: Final = 10
"""How long a family tries its own tag."""
MOST_GARMENT: Final = 60
"""Characters."""

SOURCES: Final[dict[str, frozenset[str]]] = {
    Step.TEST: frozenset({State.ACTIVE}),
    Step.SUSPEND: frozenset({State.ACTIVE}),
    Step.RESUME: frozenset({State.SUSPENDED, State.LOST}),
    Step.LOSE: frozenset({State.ACTIVE, State.SUSPENDED}),
    Step.REPLACE: frozenset({State.ACTIVE, State.SUSPENDED, State.LOST}),
    Step.RETIRE: frozenset({State.STOCK, State.ACTIVE, State.SUSPENDED, State.LOST}),
}
"""States in which each step is possible; `activate` needs a strip in stock."""


@dataclass(frozen=True, slots=True)
class Sewn:
    """One strip of a list: its short number as typed, and the garment."""

    number: str
    garment: str


def tags_q(actor: Actor) -> Q:
    """Filter tags to those of people whom the actor looks after, and to strips that nobody wears in
    batches that the actor may see.
    """
    if actor.kind == "system":
        return Q()
    worn = Q(person__in=ProtectedPerson.objects.filter(protected_q(actor)))
    batches = TagBatch.objects.filter(batches_q(actor))
    return worn | Q(person=None, batch__in=batches)


def find_by_number(text: str) -> Tag | None:
    """Return the tag of a short number, of a code, or of a whole address, as typed or scanned."""
    tags = Tag.objects.select_related("person", "batch")
    if number := read_number(text):
        return tags.filter(number=number).first()
    code = text.strip().rstrip("/").rpartition("/")[2]
    return tags.filter(digest=digest_of(code)).first()


def worn_tags(person_id: int) -> QuerySet[Tag]:
    """Return the active tags of a person in the order in which they were sewn on."""
    sewn = Max("events", filter=Q(events__step=Step.ACTIVATE))
    found = Tag.objects.filter(person=person_id, state=State.ACTIVE)
    return found.annotate(sewn=sewn).order_by("sewn")


def activate(tag_id: int, person_id: int, actor: Actor, garment: str) -> Tag:
    """Put a strip from stock on a person's garment. Raises NotFound for a person whom the actor
    does not look after, Conflict for a strip that is not in stock.
    """
    with transaction.atomic():
        person = _lock_person(person_id, actor)
        return _activate(_lock_tag(tag_id), person, actor, garment)


def activate_many(sewn: Sequence[Sewn], person_id: int, actor: Actor) -> list[Tag]:
    """Put several strips on a person's garments: all, or none. Errors name the number."""
    with transaction.atomic():
        person = _lock_person(person_id, actor)
        found = [(_stored(one.number).pk, one.garment) for one in sewn]
        # In one order, so that no two lists wait for each other.
        locked = Tag.objects.select_for_update(no_key=True).order_by("pk")
        tags = {tag.pk: tag for tag in locked.filter(pk__in=[tag_id for tag_id, _on in found])}
        return [_activate(tags[tag_id], person, actor, garment) for tag_id, garment in found]


def _activate(tag: Tag, person: ProtectedPerson, actor: Actor, garment: str) -> Tag:
    garment = text_cleaning.clean_line(garment).strip()
    if not garment:
        raise Refused("garment", _("请写缝在哪件衣服上"), "garment")
    if len(garment) > MOST_GARMENT:
        raise Refused("garment", _("最多 %d 个字") % MOST_GARMENT, "garment")
    shown = format_number(tag.number)
    if tag.state != State.STOCK:
        if tag.person_id == person.pk and tag.state == State.ACTIVE:
            said = {"number": shown, "garment": tag.garment}
            message = _("%(number)s 已经缝好了：%(garment)s") % said
            raise Conflict("sewn", message, "number")
        message = _("%s 已经启用过或者作废了，请换一条") % shown
        raise Conflict("not_in_stock", message, "number")
    tag.person, tag.garment = person, garment
    return _write(tag, actor, Step.ACTIVATE, State.ACTIVE)


def begin_test(tag_id: int, actor: Actor, minutes: int = TEST_MINUTES) -> datetime:
    """Let the family try the tag: until the returned time its scans alarm nobody."""
    with _step(tag_id, actor, Step.TEST) as tag:
        until = timezone.now() + timedelta(minutes=minutes)
        _write(tag, actor, Step.TEST, State.ACTIVE, until)
    return until


def suspend(tag_id: int, actor: Actor) -> Tag:
    """Let a tag rest: its address shows what every unknown address shows."""
    with _step(tag_id, actor, Step.SUSPEND) as tag:
        return _write(tag, actor, Step.SUSPEND, State.SUSPENDED)


def resume(tag_id: int, actor: Actor) -> Tag:
    """Use a suspended or found tag again."""
    with _step(tag_id, actor, Step.RESUME) as tag:
        return _write(tag, actor, Step.RESUME, State.ACTIVE)


def report_lost(tag_id: int, actor: Actor) -> Tag:
    """Note that the strip or the garment was lost."""
    with _step(tag_id, actor, Step.LOSE) as tag:
        return _write(tag, actor, Step.LOSE, State.LOST)


def retire(tag_id: int, actor: Actor) -> Tag:
    """End a tag for good."""
    with _step(tag_id, actor, Step.RETIRE) as tag:
        return _write(tag, actor, Step.RETIRE, State.RETIRED)


def retire_all_of(person: ProtectedPerson, actor: Actor) -> None:
    """End all tags of a locked person who is being wiped, and forget the garments."""
    left = Tag.objects.select_for_update(no_key=True).filter(person=person)
    for tag in left.exclude(state=State.RETIRED).order_by("pk"):
        tag.garment = ""
        _write(tag, actor, Step.RETIRE, State.RETIRED)


def replace(tag_id: int, actor: Actor, new_number: str) -> Tag:
    """Put a strip from stock in the place of a worn one, on the same garment; return the new."""
    with _step(tag_id, actor, Step.REPLACE) as old:
        new = _lock_tag(_stored(new_number).pk)
        if new.state != State.STOCK:
            message = _("%s 已经启用过或者作废了，请换一条") % format_number(new.number)
            raise Conflict("not_in_stock", message, "number")
        _write(old, actor, Step.REPLACE, State.REPLACED)
        new.person, new.garment = old.person, old.garment
        return _write(new, actor, Step.ACTIVATE, State.ACTIVE)


def possible_steps(tag: Tag) -> list[str]:
    """Return the steps that the tag's state allows, in the order of `SOURCES`."""
    return [step for step, sources in SOURCES.items() if tag.state in sources]


def _lock_person(person_id: int, actor: Actor) -> ProtectedPerson:
    locked = ProtectedPerson.objects.select_for_update(no_key=True)
    person = locked.filter(pk=person_id).first()
    if person is None or not (actor.kind == "system" or may_protect(actor, person.area_id)):
        raise NotFound("no_person", _("没有这位被守护人"))
    if person.state != ProtectedPerson.State.ACTIVE:
        raise Conflict("person_inactive", _("这位还没有通过审核，或者已经注销，不能启用布条"))
    return person


def _stored(number: str) -> Tag:
    tag = find_by_number(number)
    if tag is None:
        message = _("没有编号是“%s”的布条，请看清楚再填") % number[:40]
        raise NotFound("no_tag", message, "number")
    return tag


def _lock_tag(tag_id: int) -> Tag:
    return Tag.objects.select_for_update(no_key=True).get(pk=tag_id)


@contextmanager
def _step(tag_id: int, actor: Actor, step: TagEvent.Step) -> Iterator[Tag]:
    """Lock a tag, and its person before it, for a step that its state allows."""
    with transaction.atomic():
        seen = Tag.objects.filter(tags_q(actor), pk=tag_id).first()
        if seen is None:
            raise NotFound("no_tag", _("没有这条布条"))
        if seen.person_id is not None:
            _lock_wearer(seen.person_id, step)
        tag = _lock_tag(tag_id)
        if tag.state not in SOURCES[step]:
            said = {"state": tag.get_state_display(), "step": step.label}
            message = _("这条布条现在是“%(state)s”，不能%(step)s；可能别人刚刚改过") % said
            raise Conflict("wrong_state", message)
        yield tag


def _lock_wearer(person_id: int, step: TagEvent.Step) -> None:
    person = ProtectedPerson.objects.select_for_update(no_key=True).get(pk=person_id)
    over = person.state != ProtectedPerson.State.ACTIVE
    if over and step in (Step.RESUME, Step.REPLACE, Step.TEST):
        raise Forbidden("person_inactive", _("这位已经注销，布条不能再用"))


def _write(
    tag: Tag,
    actor: Actor,
    step: TagEvent.Step,
    state: Tag.State,
    test_until: datetime | None = None,
) -> Tag:
    tag.state, tag.test_until = state, test_until
    tag.save(update_fields=["state", "person", "garment", "test_until"])
    TagEvent.objects.create(
        tag=tag,
        step=step,
        user_id=actor.user_id,
        state=state,
        person_id=tag.person_id,
        garment=tag.garment,
    )
    return tag
