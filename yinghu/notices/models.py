"""Who has been told of what and why, and what of it went out by which provider."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Labelled
from yinghu.people.models import User


def _(label: str) -> str:
    """Marks a label for the translators; it is translated where it is shown."""
    return label


class Reason(Labelled):
    """Why somebody is told: what they are to the case at that moment."""

    HOLDER = "holder", _("您在办")
    UNIT = "unit", _("您单位承办")
    HEAD = "head", _("您是单位负责人")
    LEAD = "lead", _("您单位首接")
    BEFORE = "before", _("您单位办过")
    ASKED = "asked", _("请您单位协办")
    SUMMONED = "summoned", _("吹哨请您单位")
    WHISTLER = "whistler", _("您单位吹的哨")
    CLERK = "clerk", _("您负责研判")
    DISPATCHER = "dispatcher", _("您负责派单")
    CALLBACK = "callback", _("您负责回访")
    SUPERVISOR = "supervisor", _("您负责督办")
    COMMAND = "command", _("您在指挥中心")
    ADMIN = "admin", _("没有别人可以通知")
    DIGEST = "digest", _("每周小结")
    OFFERED = "offered", _("请您帮忙")
    HELPER = "helper", _("您在帮忙")
    SHARED = "shared", _("和您单位共享")


class Notice(models.Model):
    """One person is told of one event, for one reason; or once a week what is in their hands: then
    there is a day (`week`) with `counts` (`digest.counts`) and neither event nor appeal. Unread
    while `read_at` is null.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="notices", db_index=False)
    # Events and appeals stay for ever: to have each row looked up again would only cost time.
    event = models.ForeignKey(
        Event,
        models.PROTECT,
        related_name="notices",
        db_index=False,
        db_constraint=False,
        null=True,
    )
    appeal = models.ForeignKey(
        Appeal,
        models.PROTECT,
        related_name="notices",
        db_index=False,
        db_constraint=False,
        null=True,
    )
    week = models.DateField(null=True)
    counts = models.JSONField(null=True)
    reason = models.CharField(max_length=10, choices=[(r.value, r.label) for r in Reason])
    at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("event", "user"), name="notice_once"),
            models.UniqueConstraint(
                fields=("week", "user"), name="notice_weekly", condition=Q(week__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(event__isnull=False, appeal__isnull=False, week__isnull=True)
                | Q(event__isnull=True, appeal__isnull=True, week__isnull=False),
                name="notice_of_event_or_week",
            ),
        )
        indexes = (
            models.Index(fields=("user", "-id"), name="notice_of"),
            models.Index(
                fields=("user", "id"), name="notice_unread", condition=Q(read_at__isnull=True)
            ),
            models.Index(fields=("at",), name="notice_at"),
        )

    def __str__(self) -> str:
        return f"{self.event or self.week} → {self.user}"


class Delivery(models.Model):
    """One notice by one provider. A worker that takes it moves `due_at` on, past the longest that
    sending may take: until then it is nobody else's, and after that it is tried again.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        SENT = "sent"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    notice = models.ForeignKey(
        Notice, models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False
    )
    provider = models.CharField(max_length=20)
    state = models.CharField(max_length=6, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("notice", "provider"), name="deliver_once"),)
        indexes = (
            models.Index(
                fields=("provider", "due_at"),
                name="delivery_due",
                condition=Q(state="queued"),
            ),
            models.Index(fields=("-id",), name="delivery_failed", condition=Q(state="failed")),
        )

    def __str__(self) -> str:
        return f"{self.notice_id} · {self.provider}: {self.state}"
