"""What is missing for a protected person: the tasks of those who look after them."""

from datetime import date, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from yinghu.appeals.policies import policy
from yinghu.guardian.models import Guardian, ProtectedPerson, Tag


class Gap(TextChoices):
    """Something to do for an active person, the most urgent first."""

    PHONE = "phone", _("没有监护人电话")
    EXPIRED = "expired", _("同意已到期")
    TAG = "tag", _("没有在用的布条")
    REVIEW = "review", _("该复核了")
    EXPIRING = "expiring", _("同意快到期")


ORDER: Final = tuple(Gap)


def with_gaps(people: QuerySet[ProtectedPerson]) -> QuerySet[ProtectedPerson]:
    """Annotate people with what `gaps_of` reads, in the same query."""
    guardians = Guardian.objects.filter(person=OuterRef("pk"), active=True, caller__isnull=False)
    tags = Tag.objects.filter(person=OuterRef("pk"), state=Tag.State.ACTIVE)
    return people.annotate(reachable=Exists(guardians), tagged=Exists(tags))


def gaps_of(person: ProtectedPerson, notice: date) -> list[Gap]:
    """Return the gaps of a person of `with_gaps`; `notice` is the day of `notice_day`."""
    if person.state != ProtectedPerson.State.ACTIVE:
        return []
    today = timezone.localdate()
    found = {
        Gap.PHONE: not getattr(person, "reachable"),  # noqa: B009  # annotated
        Gap.EXPIRED: person.consent_until < today,
        Gap.TAG: not getattr(person, "tagged"),  # noqa: B009  # annotated
        Gap.REVIEW: person.review_on is not None and person.review_on <= today,
        Gap.EXPIRING: today <= person.consent_until <= notice,
    }
    return [gap for gap in ORDER if found[gap]]


def notice_day() -> date:
    """Return the day until which an ending consent is a task."""
    return timezone.localdate() + timedelta(days=policy("protected_notice_days"))


def missing_something(people: QuerySet[ProtectedPerson]) -> QuerySet[ProtectedPerson]:
    """Filter people of `with_gaps` to active ones with a gap: the rule of `gaps_of`."""
    gap = Q(reachable=False) | Q(tagged=False) | Q(consent_until__lte=notice_day())
    gap |= Q(review_on__lte=timezone.localdate())
    return people.filter(gap, state=ProtectedPerson.State.ACTIVE)
