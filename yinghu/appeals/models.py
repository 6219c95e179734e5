"""The tables of the loop. Only `moving` and `filing`, its first verb, write them."""

from __future__ import annotations

from datetime import UTC, datetime

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
"""Names of the verbs that the rates count; an index has their events (`Event.Meta`)."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a case is due for which nothing runs: after all others."""


class Category(models.Model):
    """What kind of matter. A dot in the code makes a child: `medicine.fever` is under `medicine`.

    `questions` is a list of {key, label, label_en, kind: text|choice|number|bool, choices?,
    required?} that this category asks of the requester. `department` is the city's department for
    it, to which a case is raised from a town; where there is none, that of the category above.
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
    """One appeal from filing to closing. `version` counts its events.

    `name`, `phone` and `address` are sealed (`common.sealing`); `caller` is the blind index of the
    phone. `lon`, `lat` are WGS-84 degrees. `level` is at which of the five levels it stands
    (`people.Level`). `lead` is its first receiver (首接负责), once it has been raised. `also` are
    the units that have a part in it beside `unit`: lead, co-handlers, those whistled for; NULL for
    none. `returned`: its unit asks to give it back, and the dispatcher has not ruled yet.
    `watched`: under supervision. `legs` are those of its errands that are not done. `due_at` is
    when the next of its own clocks is. `filed_at` is when we received it, `said_at` when it was
    said, where the channel tells that.
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
            # Each inbox is one of these, newest or most urgent first, and small: open appeals only.
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
            # A period's appeals and their areas, without a look at the appeals themselves.
            models.Index(fields=("filed_at",), name="appeal_filed", include=("id", "area")),
            models.Index(
                fields=("master",), name="appeal_master", condition=Q(master__isnull=False)
            ),
            models.Index(
                fields=("status", "moved_at"),
                name="appeal_callback",
                condition=Q(status=Status.RESOLVED.value),
            ),
            # What the list of cases asks for, and may find rarely or never.
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
        """The human number, `0000-0123-4`, with a check digit."""
        return number_of(self.pk)

    @property
    def token(self) -> str:
        """The secret of the tracking link: whoever holds it is the requester."""
        return track_token(self.pk)

    @property
    def state(self) -> Status:
        return Status(self.status)

    @property
    def headline(self) -> str:
        """The title, or the beginning of the words."""
        return self.title or self.body[:60]


class Event(models.Model):
    """One thing that happened to one appeal, for ever: the database refuses UPDATE and DELETE.

    `words` are public to the requester, `why` is inside only. `klass`, `category_id`, `unit_id`,
    `area_id` are the appeal's after the event, so that figures of any moment can be derived from
    events alone.
    """

    id = models.BigAutoField(primary_key=True)
    appeal = models.ForeignKey(Appeal, models.PROTECT, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    verb = models.CharField(max_length=10)
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
            # What rates are counted from (`oversight.rates`), and nothing else.
            models.Index(
                fields=("verb", "at"),
                name="event_counted",
                condition=Q(verb__in=COUNTED_VERBS),
            ),
        )

    def __str__(self) -> str:
        return f"{number_of(self.appeal_id)} #{self.seq} {self.verb}"


class Untallied(models.Model):
    """An event that the tallies have not counted yet: written with it, deleted by the fold.

    Counts are exact at any moment as tallies plus these, and no two writers meet on a counter row.
    """

    event = models.OneToOneField(
        Event, models.PROTECT, primary_key=True, db_constraint=False, related_name="+"
    )

    def __str__(self) -> str:
        return str(self.pk)


class Clock(models.Model):
    """One of the six first-times of an appeal, or what oversight waits for: runs until stopped,
    holds still while paused.

    It was given `minutes`, of working time where `working`. `due_at` is moved on by the length of
    each pause. Overdue is derived: running and `due_at` past. `next_at` is when the next step of
    chasing falls due (`ChaseStep`), null after the last. `unit` is whose it is, where that is not
    the unit that has the case.
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
            # What the sweep looks for, and nothing else.
            models.Index(
                fields=("next_at",),
                name="clock_next",
                condition=Q(stopped_at__isnull=True, paused_at__isnull=True, next_at__isnull=False),
            ),
            # Few, beside the clocks of all open cases: what is waited for, and from which unit.
            models.Index(
                fields=("kind", "unit"),
                name="clock_asked",
                include=("appeal",),
                condition=Q(kind__in=[kind.value for kind in ASKED], stopped_at__isnull=True),
            ),
            # Whether what was received and solved in a period was in time, by the index alone.
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
    """How long a clock may run, by kind, urgency and (optionally) category: in minutes, of working
    time where `working`.
    """

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
    """What a step of chasing does, from the gentlest to the hardest."""

    REMIND = "remind", gettext_lazy("提醒")
    URGE = "urge", gettext_lazy("催办")
    REPORT = "report", gettext_lazy("上报")
    RAISE = "raise", gettext_lazy("提级")


class ChaseTell(models.TextChoices):
    """Whom a step of chasing reaches."""

    HOLDER = "holder", gettext_lazy("承办人")
    HEAD = "head", gettext_lazy("单位负责人")
    SUPERVISOR = "supervisor", gettext_lazy("督办员")
    COMMAND = "command", gettext_lazy("指挥长")


class ChaseStep(models.Model):
    """One step of what happens when a clock runs out: at `percent` of its limit and `minutes` more
    (fewer where negative, both of working time where the clock is), for clocks of `kind` ("": all).
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
    """A number that a city sets instead of ours; `key` is one of `policies.POLICIES`."""

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
    def of(cls, photo: StoredPhoto, appeal_id: int, event_id: int | None = None) -> Attachment:
        """The row of a photo that lies on disk; with the event that brought it, if not filing."""
        return cls(
            appeal_id=appeal_id,
            event_id=event_id,
            file=photo.file,
            width=photo.width,
            height=photo.height,
            bytes=photo.bytes,
        )


class Text(models.Model):
    """What a city says in its own words instead of ours; `key` is one of `texts.TEXTS`."""

    key = models.CharField(primary_key=True, max_length=40)
    words = models.TextField(blank=True)
    words_en = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.key


class ReplyTemplate(models.Model):
    """Words that a desk starts from when it does a verb (`resolve`, `answer`, `ask` …).

    `category` is a prefix like a routing rule's and `unit` whose it is; empty means everyone's.
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
