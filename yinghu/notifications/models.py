"""Notifications: who was told what and why, and the deliveries by transport."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from yinghu.appeals.models import Appeal, Event
from yinghu.notifications.recipients import Recipient, RecipientKind
from yinghu.people import disclosure
from yinghu.people.models import User


class Reason(models.TextChoices):
    """Why a recipient is told: their relation to the case at that moment."""

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
    REQUESTER = "requester", _("您提的诉求")
    COPIED = "copied", _("抄送给您")
    SCANNED = "scanned", _("您是监护人，有人扫了码")
    FOUND = "found", _("您是监护人")
    ON_DUTY = "on_duty", _("您值守")


class SubjectKind(models.TextChoices):
    """The kind of subject of a notification. Searches and signals have no tables yet. A scan is
    `guardian.Scan`, a change a row of the history, `people.Change`.
    """

    EVENT = "event"
    SCAN = "scan"
    SEARCH = "search"
    SIGNAL = "signal"
    DIGEST = "digest"
    CHANGE = "change"


_RECIPIENT_COLUMNS: dict[str, tuple[str, ...]] = {
    RecipientKind.LOGIN: ("user",),
    RecipientKind.REQUESTER: (),
    RecipientKind.GUARDIAN: ("reference",),
    RecipientKind.PARTNER: ("reference",),
    RecipientKind.ADDRESS: ("address", "address_index"),
}
_SUBJECT_COLUMNS: dict[str, tuple[str, ...]] = {
    SubjectKind.EVENT: ("event",),
    SubjectKind.SCAN: ("subject_id",),
    SubjectKind.SEARCH: ("subject_id",),
    SubjectKind.SIGNAL: ("subject_id",),
    SubjectKind.DIGEST: ("week",),
    SubjectKind.CHANGE: ("subject_id",),
}
"""The columns that are set for a kind; those of all other kinds are NULL."""


def _kind_check(field: str, columns: dict[str, tuple[str, ...]]) -> Q:
    every = sorted({name for names in columns.values() for name in names})
    fits = Q()
    for kind, names in columns.items():
        fits |= Q(**{field: kind}, **{f"{name}__isnull": name not in names for name in every})
    return fits


class Notification(models.Model):
    """Tells one recipient of one subject, for one reason. Unread while `read_at` is null.

    The recipient (`recipient_kind`) is a login (`user`), the requester of `appeal`, a guardian or a
    partner (`reference`, an id), or an address, sealed, with its blind index. The subject
    (`subject_kind`) is an `event`, the scan, search, signal or change `subject_id`, or the digest
    of a `week` with its `counts` (`digest.digest_counts`). `appeal` is the case that the recipient
    is told of: the event's own, or for the requester of a merged case theirs.
    """

    id = models.BigAutoField(primary_key=True)
    recipient_kind = models.CharField(
        max_length=9, choices=RecipientKind.choices, default=RecipientKind.LOGIN
    )
    user = models.ForeignKey(
        User, models.CASCADE, related_name="notifications", db_index=False, null=True
    )
    reference = models.BigIntegerField(null=True)
    address = models.BinaryField(null=True)
    address_index = models.BinaryField(null=True)
    subject_kind = models.CharField(
        max_length=6, choices=SubjectKind.choices, default=SubjectKind.EVENT
    )
    # Events and appeals are never deleted: checking each row again would only cost time.
    event = models.ForeignKey(
        Event,
        models.PROTECT,
        related_name="notifications",
        db_index=False,
        db_constraint=False,
        null=True,
    )
    appeal = models.ForeignKey(
        Appeal,
        models.PROTECT,
        related_name="notifications",
        db_index=False,
        db_constraint=False,
        null=True,
    )
    subject_id = models.BigIntegerField(null=True)
    week = models.DateField(null=True)
    counts = models.JSONField(null=True)
    reason = models.CharField(max_length=10, choices=Reason.choices)
    at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("event", "user"), name="notification_once"),
            models.UniqueConstraint(
                fields=("week", "user"), name="notification_weekly", condition=Q(week__isnull=False)
            ),
            # Small: it leaves out most rows, which have a login and an event.
            models.UniqueConstraint(
                fields=(
                    "subject_kind",
                    "event",
                    "subject_id",
                    "recipient_kind",
                    "user",
                    "appeal",
                    "reference",
                    "address_index",
                ),
                name="notification_once_else",
                condition=Q(week__isnull=True)
                & (Q(user__isnull=True) | Q(subject_id__isnull=False))
                & ~Q(subject_kind=SubjectKind.SCAN),
                nulls_distinct=False,
            ),
            # First that a page was opened, later that somebody was found.
            models.UniqueConstraint(
                fields=("subject_id", "recipient_kind", "user", "reference", "reason"),
                name="notification_of_scan_once",
                condition=Q(subject_kind=SubjectKind.SCAN),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=_kind_check("recipient_kind", _RECIPIENT_COLUMNS),
                name="notification_recipient",
            ),
            models.CheckConstraint(
                condition=_kind_check("subject_kind", _SUBJECT_COLUMNS), name="notification_subject"
            ),
            models.CheckConstraint(
                condition=Q(appeal__isnull=False)
                | ~Q(recipient_kind=RecipientKind.REQUESTER) & ~Q(subject_kind=SubjectKind.EVENT),
                name="notification_appeal",
            ),
        )
        indexes = (
            models.Index(fields=("user", "-id"), name="notification_of"),
            models.Index(
                fields=("user", "id"),
                name="notification_unread",
                condition=Q(read_at__isnull=True),
            ),
            models.Index(fields=("at",), name="notification_at"),
        )

    def __str__(self) -> str:
        about = self.event_id or self.subject_id or self.week
        return f"{self.subject_kind} {about} → {self.recipient_kind}"

    @property
    def recipient(self) -> Recipient:
        """The recipient; opens a sealed address."""
        match RecipientKind(self.recipient_kind):
            case RecipientKind.LOGIN:
                return Recipient.login(self.user_id or 0)
            case RecipientKind.REQUESTER:
                return Recipient.requester(self.appeal_id or 0)
            case RecipientKind.ADDRESS:
                return Recipient.address(disclosure.own_contact(self.address or b""))
            case kind:
                return Recipient(kind, self.reference or 0)


class Delivery(models.Model):
    """One notification by one transport. A worker that claims it moves `due_at` past the longest
    time that sending may take; until then no other worker sends it, and after that it is retried.
    Those of higher `priority` are sent first.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        SENT = "sent"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    notification = models.ForeignKey(
        Notification,
        models.CASCADE,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    transport = models.CharField(max_length=20)
    state = models.CharField(max_length=6, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    priority = models.SmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("notification", "transport"), name="delivery_once"),
        )
        indexes = (
            models.Index(
                fields=("transport", "-priority", "due_at"),
                name="delivery_first",
                condition=Q(state="queued"),
            ),
            models.Index(fields=("-id",), name="delivery_failed", condition=Q(state="failed")),
        )

    def __str__(self) -> str:
        return f"{self.notification_id} · {self.transport}: {self.state}"
