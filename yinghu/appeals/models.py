"""Tables of the appeal loop, written only by `moving` and `filing`."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy

from yinghu.appeals.numbers import number_of, track_token
from yinghu.appeals.states import ASKED, OPEN, ClockKind, Klass, Satisfaction, Status, Urgency
from yinghu.common.photos import StoredPhoto

_OPEN_VALUES = sorted(status.value for status in OPEN)

COUNTED_VERBS = (
    "answer",
    "assign",
    "escalate",
    "extend",
    "no_answer",
    "rate",
    "reopen",
    "resolve",
    "return",
    "rule",
)
"""Verbs that the rates count; a partial index covers their events (`Event.Meta`)."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""`due_at` of a case without a running clock; sorts after all others."""


class Category(models.Model):
    """A category. A dot in the code makes a child: `medicine.fever` is under `medicine`.

    `questions` is a list of {key, label, label_en, kind: text|choice|number|bool, choices?,
    required?}. `department` receives cases that a town raises; the parent category's if empty.
    """

    code = models.CharField(primary_key=True, max_length=60)
    name = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60, blank=True)
    klass = models.CharField(max_length=8, choices=[(k.value, k.label) for k in Klass])
    icon = models.CharField(max_length=40, blank=True)
    questions = models.JSONField(default=list, blank=True)
    department = models.ForeignKey(
        "people.Unit", models.PROTECT, null=True, blank=True, related_name="+"
    )
    order = models.PositiveSmallIntegerField(default=100)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("order", "code")

    def __str__(self) -> str:
        return self.name


class Appeal(models.Model):
    """An appeal from filing to closing. `version` counts its events.

    `name`, `phone` and `address` are sealed (`privacy.sealing`); `caller` is the blind index of the
    phone where that is certain, else of the channel's id of the sender. `lon`, `lat` are WGS-84
    degrees. `level` is a `people.Level`. `lead` is the first receiver (首接负责) of a raised case.
    `also` are the units with a part in it beside `unit` (lead, co-handlers, units called by a
    whistle), NULL for none. `returned`: its unit asked to give it back, and the ruling is pending.
    `watched`: under supervision. `alarmed`: somebody may be in danger, and nobody has judged it
    yet. `legs` counts unfinished legs of errands. `due_at` is when its next own clock is due.
    `filed_at` is when we received it, `said_at` when the channel did, if known.
    """

    id = models.BigAutoField(primary_key=True)
    status = models.CharField(max_length=10)
    version = models.PositiveIntegerField(default=1)
    channel = models.CharField(max_length=40)
    klass = models.CharField(max_length=8, blank=True)
    category = models.ForeignKey(Category, models.PROTECT, null=True, db_index=False)
    urgency = models.PositiveSmallIntegerField(default=Urgency.NORMAL.value)
    level = models.PositiveSmallIntegerField(default=3)
    area = models.ForeignKey("places.Area", models.PROTECT, null=True, db_index=False)
    place = models.ForeignKey("places.Place", models.PROTECT, null=True, db_index=False)
    unit = models.ForeignKey("people.Unit", models.PROTECT, null=True, db_index=False)
    holder = models.ForeignKey("people.User", models.PROTECT, null=True, db_index=False)
    lead = models.ForeignKey(
        "people.Unit", models.PROTECT, null=True, db_index=False, related_name="led"
    )
    also = ArrayField(models.BigIntegerField(), null=True)
    returned = models.BooleanField(default=False, db_default=False)
    watched = models.BooleanField(default=False, db_default=False)
    alarmed = models.BooleanField(default=False, db_default=False)
    legs = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(default=NEVER, db_default=NEVER)
    master = models.ForeignKey("self", models.PROTECT, null=True, db_index=False)
    title = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    answers = models.JSONField(default=dict)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    name = models.BinaryField(default=b"")
    phone = models.BinaryField(default=b"")
    address = models.BinaryField(default=b"")
    caller = models.BinaryField(null=True)
    language = models.CharField(max_length=8, default="zh-hans")
    result = models.TextField(default="")
    solved = models.BooleanField(null=True)
    satisfaction = models.CharField(
        max_length=8, blank=True, choices=[(s.value, s.label) for s in Satisfaction]
    )
    said_at = models.DateTimeField(null=True)
    filed_at = models.DateTimeField(db_default=Now())
    moved_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            # The inboxes; partial indexes, because open appeals are few.
            models.Index(
                fields=("status", "-urgency", "id"),
                name="appeal_desk",
                condition=Q(status__in=_OPEN_VALUES),
            ),
            models.Index(fields=("unit", "status", "-urgency", "id"), name="appeal_unit"),
            models.Index(
                fields=("unit", "due_at", "id"),
                name="appeal_unit_due",
                condition=Q(status__in=_OPEN_VALUES),
            ),
            models.Index(
                fields=("due_at", "id"),
                name="appeal_due",
                condition=Q(status__in=_OPEN_VALUES),
            ),
            GinIndex(fields=("also",), name="appeal_also", condition=Q(also__isnull=False)),
            models.Index(
                fields=("level", "due_at", "id"),
                name="appeal_raised",
                condition=Q(lead__isnull=False, status__in=_OPEN_VALUES),
            ),
            models.Index(fields=("id",), name="appeal_watched", condition=Q(watched=True)),
            models.Index(fields=("id",), name="appeal_alarmed", condition=Q(alarmed=True)),
            models.Index(
                fields=("holder", "status", "id"),
                name="appeal_holder",
                condition=Q(holder__isnull=False),
            ),
            models.Index(
                fields=("caller", "id"), name="appeal_caller", condition=Q(caller__isnull=False)
            ),
            models.Index(
                fields=("area", "id"),
                name="appeal_area",
                opclasses=("text_pattern_ops", "int8_ops"),
            ),
            # Covers counts by period and area without reading the rows.
            models.Index(fields=("filed_at",), name="appeal_filed", include=("id", "area")),
            models.Index(
                fields=("master",), name="appeal_master", condition=Q(master__isnull=False)
            ),
            models.Index(
                fields=("status", "moved_at"),
                name="appeal_callback",
                condition=Q(status=Status.RESOLVED.value),
            ),
            # Filters of the case list that may match few rows or none.
            models.Index(fields=("category", "id"), name="appeal_category"),
            models.Index(fields=("klass", "id"), name="appeal_klass"),
            models.Index(fields=("channel", "id"), name="appeal_channel"),
            models.Index(
                fields=("urgency", "id"),
                name="appeal_urgent",
                condition=Q(urgency__gt=Urgency.NORMAL.value),
            ),
            models.Index(
                fields=("status", "id"),
                name="appeal_status",
                condition=~Q(status=Status.CLOSED.value),
            ),
        )

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """Human-readable number with a check digit, `0000-0123-4`."""
        return number_of(self.pk)

    @property
    def token(self) -> str:
        """Secret of the tracking link; its holder is treated as the requester."""
        return track_token(self.pk)

    @property
    def state(self) -> Status:
        return Status(self.status)

    @property
    def full_text(self) -> str:
        """Title and body."""
        return f"{self.title}\n{self.body}" if self.title else self.body

    @property
    def headline(self) -> str:
        """Title, or the beginning of the text."""
        return self.title or self.body[:60]


class Event(models.Model):
    """Something that happened to an appeal; the database refuses UPDATE and DELETE.

    The requester reads `words`, only staff read `why`. `klass`, `category_id`, `unit_id` and
    `area_id` are the appeal's after the event, so that past figures can be derived from events
    alone.
    """

    id = models.BigAutoField(primary_key=True)
    appeal = models.ForeignKey(Appeal, models.PROTECT, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    verb = models.CharField(max_length=20)
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10)
    actor_kind = models.CharField(max_length=10)
    user = models.ForeignKey("people.User", models.PROTECT, null=True, db_index=False)
    words = models.TextField(default="")
    why = models.TextField(default="")
    facts = models.JSONField(default=dict)
    klass = models.CharField(max_length=8, blank=True)
    category = models.ForeignKey(Category, models.PROTECT, null=True, db_index=False)
    unit = models.ForeignKey("people.Unit", models.PROTECT, null=True, db_index=False)
    area = models.ForeignKey("places.Area", models.PROTECT, null=True, db_index=False)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=("appeal", "seq"), name="event_seq"),)
        indexes = (
            # Covers the events that rates count (`oversight.rates`).
            models.Index(
                fields=("verb", "at"),
                name="event_counted",
                condition=Q(verb__in=COUNTED_VERBS),
            ),
        )

    def __str__(self) -> str:
        return f"{number_of(self.appeal_id)} #{self.seq} {self.verb}"


class Untallied(models.Model):
    """An event not yet in the tallies: written with it, deleted when tallies are folded.

    Counts are tallies plus these rows, so they are exact and writers never contend for a counter
    row.
    """

    event = models.OneToOneField(
        Event, models.PROTECT, primary_key=True, db_constraint=False, related_name="+"
    )

    def __str__(self) -> str:
        return str(self.pk)


class Clock(models.Model):
    """A clock: one of an appeal's six time limits, or an answer that oversight waits for.

    It was given `minutes`, of working time if `working`. `due_at` moves by the length of each
    pause. It is overdue when running past `due_at`. `next_at` is when the next step of chasing is
    due (`ChaseStep`), null after the last. `unit` is set if it is not the unit that has the case.
    """

    id = models.BigAutoField(primary_key=True)
    appeal = models.ForeignKey(Appeal, models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=8, choices=[(k.value, k.label) for k in ClockKind])
    started_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    unit = models.ForeignKey("people.Unit", models.PROTECT, null=True, db_index=False)
    minutes = models.FloatField(default=0, db_default=0)
    working = models.BooleanField(default=False, db_default=False)
    next_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("appeal", "kind", "unit"),
                condition=Q(stopped_at__isnull=True),
                nulls_distinct=False,
                name="clock_runs_once",
            ),
        )
        indexes = (
            models.Index(
                fields=("due_at", "appeal"),
                name="clock_due",
                condition=Q(stopped_at__isnull=True, paused_at__isnull=True),
            ),
            # Covers the query of the sweep.
            models.Index(
                fields=("next_at",),
                name="clock_next",
                condition=Q(stopped_at__isnull=True, paused_at__isnull=True, next_at__isnull=False),
            ),
            # What each unit is waited for; few rows.
            models.Index(
                fields=("kind", "unit"),
                name="clock_asked",
                include=("appeal",),
                condition=Q(kind__in=[kind.value for kind in ASKED], stopped_at__isnull=True),
            ),
            # Covers whether a period's cases were received and solved in time.
            models.Index(
                fields=("kind", "stopped_at"),
                name="clock_stopped",
                include=("appeal", "due_at", "paused_at"),
                condition=Q(
                    kind__in=(ClockKind.RECEIVE.value, ClockKind.SOLVE.value),
                    stopped_at__isnull=False,
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{number_of(self.appeal_id)} {self.kind}"


class ClockLimit(models.Model):
    """Time limit by clock kind, urgency and category; minutes of working time if `working`."""

    kind = models.CharField(max_length=8, choices=[(k.value, k.label) for k in ClockKind])
    urgency = models.PositiveSmallIntegerField(choices=[(u.value, u.label) for u in Urgency])
    category = models.ForeignKey(Category, models.CASCADE, null=True, blank=True)
    minutes = models.PositiveIntegerField()
    working = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "urgency", "category"), nulls_distinct=False, name="limit_once"
            ),
            models.CheckConstraint(condition=Q(minutes__gt=0), name="limit_above_zero"),
        )

    def __str__(self) -> str:
        return f"{self.kind}/{self.urgency}: {self.minutes} min"


class ChaseAct(models.TextChoices):
    """What a step of chasing does, gentlest first."""

    REMIND = "remind", gettext_lazy("提醒")
    URGE = "urge", gettext_lazy("催办")
    REPORT = "report", gettext_lazy("上报")
    RAISE = "raise", gettext_lazy("提级")


class ChaseTell(models.TextChoices):
    """Whom a step of chasing notifies."""

    HOLDER = "holder", gettext_lazy("承办人")
    HEAD = "head", gettext_lazy("单位负责人")
    SUPERVISOR = "supervisor", gettext_lazy("督办员")
    COMMAND = "command", gettext_lazy("指挥长")


class ChaseStep(models.Model):
    """A step of chasing: due at `percent` of the limit plus `minutes` (may be negative; working
    time if the clock's is), for clocks of `kind` ("" for all).
    """

    kind = models.CharField(max_length=8, blank=True)
    percent = models.PositiveSmallIntegerField(default=100)
    minutes = models.IntegerField(default=0)
    act = models.CharField(max_length=8, choices=ChaseAct.choices)
    tell = models.CharField(max_length=10, choices=ChaseTell.choices)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("percent", "minutes", "id")

    def __str__(self) -> str:
        return f"{self.kind or '*'} {self.percent} % {self.minutes:+} min: {self.act} {self.tell}"


class Policy(models.Model):
    """A city's value for one of `policies.POLICIES`."""

    key = models.CharField(primary_key=True, max_length=40)
    value = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


class Attachment(models.Model):
    """A photo of an appeal, re-encoded by us; `file` is its name under the media folder."""

    appeal = models.ForeignKey(Appeal, models.CASCADE, related_name="attachments")
    event = models.ForeignKey(Event, models.PROTECT, null=True, db_constraint=False)
    file = models.CharField(max_length=100, unique=True)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    bytes = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.file

    @classmethod
    def of(cls, photo: StoredPhoto, appeal_id: int, event_id: int | None = None) -> Self:
        """Build the row of a stored photo; `event_id` is empty if it came with the filing."""
        return cls(appeal_id=appeal_id, event_id=event_id, **asdict(photo))


class Text(models.Model):
    """A city's replacement for one of `city_texts.TEXTS`."""

    key = models.CharField(primary_key=True, max_length=40)
    words = models.TextField(blank=True)
    words_en = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.key


class ReplyTemplate(models.Model):
    """A template for the text of a verb (`resolve`, `answer`, `ask` …).

    `category` is a prefix as in routing rules, `unit` its owner; empty means all.
    """

    verb = models.CharField(max_length=10)
    name = models.CharField(max_length=60)
    words = models.TextField()
    category = models.CharField(max_length=60, blank=True)
    unit = models.ForeignKey("people.Unit", models.CASCADE, null=True, blank=True)
    order = models.PositiveSmallIntegerField(default=100)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("order", "id")

    def __str__(self) -> str:
        return self.name
