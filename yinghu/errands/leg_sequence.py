"""The sequence of an errand's legs: which may be taken, which can be done, who gives to whom."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from yinghu.errands.models import PURCHASES, Leg, LegKind

GOODS = frozenset({*PURCHASES, LegKind.CARRY})
"""Kinds that leave goods in the holder's hands."""

_COLUMNS = tuple(field.attname for field in Leg._meta.concrete_fields)
_ENDED = (Leg.State.DONE, Leg.State.DROPPED)


def in_both_languages(text: str, about: Leg | None = None) -> dict[str, str]:
    """Return `title` and `title_en` of a leg from a marked text; its %s is the title of `about`."""
    with override("en"):
        english = _(text)
    if about is not None:
        text, english = text % about.title, english % (about.title_en or about.title)
    return {"title": text[:60], "title_en": english[:60]}


class Course:
    """All legs of an errand, in order. Read and write them only while the case's row is locked."""

    def __init__(self, legs: Iterable[Leg]) -> None:
        self._legs = {leg.n: leg for leg in sorted(legs, key=lambda leg: leg.n)}
        self._read = {n: _state(leg) for n, leg in self._legs.items()}
        self._left = self.left()
        self.was_held_by: int | None = None
        """Holder of the leg that was reopened last."""

    def __getitem__(self, n: int) -> Leg:
        return self._legs[n]

    def __iter__(self) -> Iterator[Leg]:
        return iter(self._legs.values())

    def left(self) -> int:
        """How many legs are not done. Bringing back unused goods does not hold up the case."""
        return sum(leg.state not in _ENDED and leg.kind != LegKind.BRING_BACK for leg in self)

    def change_of_left(self) -> int:
        """Change of `left` since the legs were read."""
        return self.left() - self._left

    def before(self, leg: Leg) -> list[Leg]:
        return [self._legs[n] for n in leg.after]

    def following(self, leg: Leg) -> list[Leg]:
        return [each for each in self if leg.n in each.after]

    def is_ready(self, leg: Leg) -> bool:
        """Are all legs before it done, so that it can be done?"""
        return all(each.state in _ENDED for each in self.before(leg))

    def along(self, leg: Leg) -> list[Leg]:
        """Return the leg and those taken with it: carrying its goods, unless somebody took that."""
        found = [leg]
        for each in self:
            carried = each.kind == LegKind.CARRY and each.state == Leg.State.OPEN
            if carried and any(b in found and b.kind in GOODS for b in self.before(each)):
                found.append(each)
        return found

    def held_along(self, leg: Leg) -> list[Leg]:
        """Return the leg and the unfinished legs that its holder took along with it."""
        found = [leg]
        for each in self:
            same = each.holder_id == leg.holder_id and each.state == Leg.State.TAKEN
            if same and each.kind == LegKind.CARRY and any(b in found for b in self.before(each)):
                found.append(each)
        return found

    def has_goods(self, leg: Leg) -> bool:
        """Does the holder have the goods of this leg already?"""
        return leg.kind == LegKind.CARRY and any(
            each.state == Leg.State.DONE and (each.kind in GOODS or each.kind == LegKind.HAND_OVER)
            for each in self.before(leg)
        )

    def keeper(self, leg: Leg) -> int | None:
        """Return who has the bought goods that this unfinished leg would pass on or deliver."""
        before = self.before(leg)
        if leg.kind == LegKind.HAND_OVER:
            has = leg.ready_at is not None and any(b.kind in GOODS for b in before)
            return leg.giver_id if has else None
        if leg.kind == LegKind.CARRY and (waiting := self._meeting_before(leg)) is not None:
            return self.keeper(waiting)
        if not self.has_goods(leg):
            return None
        return leg.holder_id or next((b.holder_id for b in before if b.kind in GOODS), None)

    def _meeting_before(self, leg: Leg) -> Leg | None:
        meetings = (b for b in self.before(leg) if b.kind == LegKind.HAND_OVER)
        return next((each for each in meetings if each.state == Leg.State.OPEN), None)

    def add(self, kind: LegKind, like: Leg, **given: Any) -> Leg:
        """Add a leg to the errand, for the same case as `like`; `save` writes it."""
        made = Leg(
            errand_id=like.errand_id,
            appeal_id=like.appeal_id,
            n=max(self._legs) + 1,
            kind=kind,
            **given,
        )
        self._legs[made.n] = made
        return made

    def add_bring_back(self, like: Leg, user_id: int | None, now: datetime) -> Leg:
        """Let goods that nobody needs any more be brought back by the helper who has them."""
        held = {"state": Leg.State.TAKEN, "holder_id": user_id, "taken_at": now, "active_at": now}
        names = in_both_languages(gettext_noop("把买到的东西交给单位"))
        return self.add(LegKind.BRING_BACK, like, next_at=now, **names, **held)

    def reopen(self, leg: Leg, kept: str) -> None:
        """Reopen a leg for others. Goods that its holder has go to the next holder."""
        self.was_held_by = leg.holder_id
        if self.has_goods(leg) and all(b.kind != LegKind.HAND_OVER for b in self.before(leg)):
            # They bought the goods themselves, so until now there was nothing to hand over.
            given = {"after": leg.after, "giver_id": leg.holder_id}
            meeting = self.add(
                LegKind.HAND_OVER, leg, **in_both_languages(gettext_noop("交接")), **given
            )
            leg.after = [meeting.n]
        for each in self.before(leg):
            if each.kind == LegKind.HAND_OVER and each.state == Leg.State.DONE:
                each.state, each.done_at = Leg.State.OPEN, None
                each.giver_id, each.given_at, each.received_at = leg.holder_id, None, None
                each.nudged_at = None
            elif each.kind == LegKind.HAND_OVER:
                each.received_at = None
        leg.state, leg.holder_id, leg.kept = Leg.State.OPEN, None, kept
        leg.taken_at = leg.active_at = leg.nudged_at = leg.opened_at = leg.next_at = None
        leg.stage, leg.stage_at = 0, None

    def touch(self, user_id: int | None, now: datetime) -> None:
        """Mark everything that this person holds here as active."""
        for leg in self:
            if leg.state == Leg.State.TAKEN and leg.holder_id == user_id:
                leg.active_at, leg.nudged_at = now, None

    def follow(self, now: datetime) -> None:
        """Derive from the states who gives and receives, and which legs may be taken or done."""
        for leg in self:
            if leg.kind == LegKind.HAND_OVER and leg.state not in _ENDED:
                self._update_hand_over(leg, now)
            leg.ready_at = (leg.ready_at or now) if self.is_ready(leg) else None
            if leg.kind == LegKind.HAND_OVER:
                # A side that does not confirm is reminded.
                waits = leg.state == Leg.State.OPEN and leg.ready_at is not None
                leg.next_at = (leg.next_at or now) if waits else None
            elif leg.state == Leg.State.OPEN:
                if not self._may_be_taken(leg):
                    leg.opened_at = leg.next_at = None
                elif leg.opened_at is None:
                    leg.opened_at = leg.next_at = now

    def _update_hand_over(self, leg: Leg, now: datetime) -> None:
        before = (b for b in self.before(leg) if b.kind != LegKind.HAND_OVER)
        givers = [b for b in before if b.holder_id is not None]
        receivers = [each for each in self.following(leg) if each.state != Leg.State.DROPPED]
        # A holder who received the goods and gave the leg back stays the giver.
        before_them = {None, *(b.holder_id for b in givers)}
        if not (givers and self.is_ready(leg) and leg.giver_id not in before_them):
            leg.giver_id = givers[-1].holder_id if givers else None
        leg.holder_id = receivers[0].holder_id if receivers else None
        one = leg.giver_id is not None and leg.giver_id == leg.holder_id
        if self.is_ready(leg) and (one or not receivers):
            leg.state = Leg.State.DONE
            leg.given_at = leg.received_at = leg.done_at = now
        elif self.is_ready(leg) and leg.giver_id is None:
            # The legs before it were cancelled, so there is nothing to hand over.
            leg.state = Leg.State.DROPPED

    def _may_be_taken(self, leg: Leg) -> bool:
        return all(
            self._may_be_taken(each) if each.kind == LegKind.HAND_OVER else each.state != "open"
            for each in self.before(leg)
        )

    def whom_next(self, leg: Leg) -> list[int]:
        """Return the people who have to do the next step, except this leg's holder."""
        people = {p for each in self.following(leg) for p in (each.holder_id, each.giver_id) if p}
        return sorted(people - {leg.holder_id})

    def save(self) -> None:
        """Write what has changed since the legs were read."""
        Leg.objects.bulk_create([leg for leg in self if leg.pk is None])
        changed = [leg for leg in self if _state(leg) != self._read.setdefault(leg.n, _state(leg))]
        columns = {
            name
            for leg in changed
            for name, value in _state(leg).items()
            if value != self._read[leg.n][name]
        }
        if len(changed) == 1:
            changed[0].save(update_fields=columns)
        elif changed:
            Leg.objects.bulk_update(changed, columns)


def _state(leg: Leg) -> dict[str, Any]:
    return {name: getattr(leg, name) for name in _COLUMNS}
