"""Protected people with guardians and tags, made by the tables, for tests of scans."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from procrastinate.contrib.django.models import ProcrastinateJob

from yinghu.guardian import alerts
from yinghu.guardian.models import AlertStep, Guardian, ProtectedPerson, Tag, TagBatch
from yinghu.guardian.scans import FinderReport
from yinghu.guardian.tag_codes import digest_of, new_numbers, tag_code
from yinghu.people.personal_keys import create_key, seal_for
from yinghu.places.models import Area

NAME, PHONE, ADDRESS = "王守护", "+8613900001111", "幸福里 7 号 302"
NICKNAME, ADVICE = "王奶奶", "请慢慢说，牵着手走"
_phones = itertools.count(13900001111)


@dataclass
class Protected:
    """A registered person with guardians, and one active tag."""

    person: ProtectedPerson
    tag: Tag
    guardians: list[Guardian] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The code in the address of the tag."""
        return tag_code(self.tag.pk)


def protect(*orders: int, **given: Any) -> Protected:
    """Register a person with a guardian of each of these orders (1 and 2 by default)."""
    areas = Area.objects.filter(level=3, retired_at=None).order_by("code")
    key = create_key()
    person = ProtectedPerson.objects.create(
        key=key,
        area=given.pop("area", None) or areas[0],
        state=given.pop("state", ProtectedPerson.State.ACTIVE),
        details=seal_for(key, {"name": NAME, "address": ADDRESS}),
        nickname=NICKNAME,
        advice=ADVICE,
        advice_en="Speak slowly",
        consent_by=seal_for(key, {"name": NAME}),
        consent_on=date.today(),
        consent_until=date.today() + timedelta(days=365),
        **given,
    )
    guardians = []
    for order in orders or (1, 2):
        phone = f"+86{next(_phones)}"
        contact = {"name": NAME, "relation": "女儿", "phone": phone, "mail": ""}
        guardians.append(
            Guardian.objects.create(person=person, order=order, contact=seal_for(key, contact))
        )
    return Protected(person, make_tag(Tag.State.ACTIVE, person), guardians)


def make_tag(state: str, person: ProtectedPerson | None = None) -> Tag:
    """Make a strip in a batch of its own."""
    batch = TagBatch.objects.create(name="试用", count=1, office="幸福镇", hotline="12345")
    last = Tag.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    tag = Tag(pk=last + 1, batch=batch, number=new_numbers(1)[0], state=state, person=person)
    tag.digest = digest_of(tag_code(tag.pk))
    tag.save(force_insert=True)
    return tag


def a_report(**given: Any) -> FinderReport:
    """A report with a form id of its own."""
    return FinderReport(form=uuid4(), **dict[str, Any](words="在公园门口") | given)


def told_steps(scan: int) -> list[int]:
    """The numbers of the steps that were told."""
    found = AlertStep.objects.filter(scan=scan, told_at__isnull=False)
    return sorted(set(found.values_list("n", flat=True)))


def jobs_of(scan: int) -> list[int]:
    """The steps of a scan that have a queued job."""
    found = ProcrastinateJob.objects.filter(task_name=alerts.TELL_TASK, args__scan=scan)
    return sorted(job.args["step"] for job in found)
