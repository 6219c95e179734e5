"""Tables of protected people, their guardians and tags, and of what follows from a scan.

All that is stored of a protected person is sealed with a key of their own (`people.PersonKey`),
except the public card, which is written for strangers and sealed for nobody.
"""

from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from yinghu.people.models import PersonKey, User
from yinghu.places.models import Area

MOST_GUARDIANS: Final = 10
MOST_TAGS_OF_BATCH: Final = 10_000


class ProtectedPerson(models.Model):
    """A person who may get lost and is known with consent: applied for, active, or ended.

    `details` is sealed JSON (`PersonDetails`), `photo` a sealed JPEG, `consent_by` sealed JSON with
    who gave the consent. The public card is `nickname`, `advice`, `advice_en` and `is_ill`, which
    puts the emergency numbers first. `area` is the village or grid of the address, by which grid
    workers find it. `review_on` is the day of the next half-yearly review. When consent ends, the
    key is destroyed and the card emptied.
    """

    class State(models.TextChoices):
        APPLIED = "applied", _("待审核")
        ACTIVE = "active", _("在册")
        ENDED = "ended", _("已注销")

    id = models.BigAutoField(primary_key=True)
    key = models.OneToOneField(PersonKey, models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.APPLIED.value)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    details = models.BinaryField()
    photo = models.BinaryField(default=b"")
    nickname = models.CharField(max_length=40, blank=True, default="")
    advice = models.CharField(max_length=400, blank=True, default="")
    advice_en = models.CharField(max_length=800, blank=True, default="")
    is_ill = models.BooleanField(default=False)
    consent_by = models.BinaryField()
    consent_on = models.DateField()
    consent_until = models.DateField()
    registered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    registered_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    review_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("state", "area"), name="protected_area"),
            models.Index(
                fields=("review_on",), name="protected_review", condition=Q(state="active")
            ),
            models.Index(
                fields=("consent_until",), name="protected_consent", condition=Q(state="active")
            ),
        )

    def __str__(self) -> str:
        return f"protected person {self.pk}"


class Guardian(models.Model):
    """A guardian of a protected person, told in `order` (1 first; equal ones together).

    `contact` is JSON sealed with the person's key: name, relation, phone (E.164) and mail address.
    `caller` is the blind index of the phone, by which the guardian logs in with a code. Guardians
    who left, and all when the person is wiped, are inactive and have no `caller`.
    """

    id = models.BigAutoField(primary_key=True)
    person = models.ForeignKey(ProtectedPerson, models.PROTECT, related_name="guardians")
    order = models.PositiveSmallIntegerField()
    contact = models.BinaryField()
    caller = models.BinaryField(null=True)
    language = models.CharField(max_length=10, default="zh-hans")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("order", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(order__gte=1, order__lte=MOST_GUARDIANS), name="guardian_order"
            ),
            models.UniqueConstraint(fields=("person", "caller"), name="guardian_phone_once"),
        )
        indexes = (
            models.Index(
                fields=("caller",), name="guardian_caller", condition=Q(caller__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"guardian {self.pk}"


class TagBatch(models.Model):
    """A batch of strips with the same print: ordered, printed, received, handed to a holder.

    `office` and `hotline` are printed on each strip. `area` is the town that it is for, `holder`
    the grid worker or office worker who has the strips that nobody wears yet.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=60)
    donor = models.CharField(max_length=80, blank=True, default="")
    count = models.PositiveIntegerField()
    area = models.ForeignKey(Area, models.PROTECT, null=True, related_name="+")
    holder = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    office = models.CharField(max_length=60)
    hotline = models.CharField(max_length=30)
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    ordered_at = models.DateTimeField(db_default=Now())
    printed_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(count__gte=1, count__lte=MOST_TAGS_OF_BATCH), name="batch_count"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """One strip of cloth. Its address is derived from `id` (`tag_codes`) and found by `digest`;
    `number` is the short number printed beside it, nine digits with the check digit.

    `garment` says on what it is sewn. Only the holder's people change it; each change is a
    `TagEvent`.
    """

    class State(models.TextChoices):
        STOCK = "stock", _("未启用")
        ACTIVE = "active", _("使用中")
        SUSPENDED = "suspended", _("暂停")
        LOST = "lost", _("丢失")
        REPLACED = "replaced", _("已更换")
        RETIRED = "retired", _("作废")

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(TagBatch, models.PROTECT, related_name="tags")
    number = models.CharField(max_length=9, unique=True)
    digest = models.BinaryField(unique=True, max_length=16)
    state = models.CharField(max_length=9, choices=State.choices, default=State.STOCK.value)
    person = models.ForeignKey(ProtectedPerson, models.PROTECT, null=True, related_name="tags")
    garment = models.CharField(max_length=60, blank=True, default="")
    test_until = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=~Q(state="active") | Q(person__isnull=False), name="tag_worn_by_somebody"
            ),
        )
        indexes = (models.Index(fields=("batch", "state"), name="tag_stock"),)

    def __str__(self) -> str:
        return self.number


class TagEvent(models.Model):
    """A step of a tag: who did what when, and the state after it. Append-only."""

    class Step(models.TextChoices):
        ACTIVATE = "activate", _("启用")
        TEST = "test", _("试用")
        SUSPEND = "suspend", _("暂停")
        RESUME = "resume", _("恢复使用")
        LOSE = "lose", _("报失")
        REPLACE = "replace", _("更换")
        RETIRE = "retire", _("作废")

    id = models.BigAutoField(primary_key=True)
    step = models.CharField(max_length=8, choices=Step.choices)
    tag = models.ForeignKey(Tag, models.PROTECT, related_name="events")
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=9, choices=Tag.State.choices)
    person = models.ForeignKey(ProtectedPerson, models.PROTECT, null=True, related_name="+")
    garment = models.CharField(max_length=60, blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.tag_id} {self.state}"


class Scan(models.Model):
    """What follows from scanning tags of one person: opened pages, a report, its answer, the end.

    Scans within a window are one row, so that reloads and photographed codes alert nobody twice.
    `person` is NULL if the tag is not active, `tag` too if the code is unknown; then only the duty
    desk is told. The finder follows it by a link of their own (`tag_codes.scan_token`). Something
    is due for it at `next_at` (`alerts.advance_due`).
    """

    class State(models.TextChoices):
        SEEN = "seen", _("有人扫码")
        REPORTED = "reported", _("有人找到了")
        ANSWERED = "answered", _("家人已回应")
        ENDED = "ended", _("已接到")

    id = models.BigAutoField(primary_key=True)
    tag = models.ForeignKey(Tag, models.PROTECT, null=True, related_name="scans")
    person = models.ForeignKey(ProtectedPerson, models.PROTECT, null=True, related_name="scans")
    key = models.ForeignKey(PersonKey, models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.SEEN.value)
    is_test = models.BooleanField(default=False)
    opened = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())
    reported_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(Guardian, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("person", "-last_at"), name="scan_person"),
            models.Index(fields=("next_at",), name="scan_next", condition=Q(next_at__isnull=False)),
            models.Index(fields=("state", "-id"), name="scan_state"),
        )

    def __str__(self) -> str:
        return f"scan {self.pk}"

    @property
    def is_over(self) -> bool:
        return self.state == self.State.ENDED


class ScanEntry(models.Model):
    """An entry of a scan's timeline and board, append-only and sealed with the scan's key.

    `form` is the sending form's own id: sent twice, it is stored once.
    """

    class Kind(models.TextChoices):
        SEEN = "seen", _("扫码")
        REPORT = "report", _("和他在一起")
        MESSAGE = "message", _("留言")
        ANSWER = "answer", _("回应")
        END = "end", _("接到了")

    class Side(models.TextChoices):
        FINDER = "finder", _("发现人")
        FAMILY = "family", _("家人")
        DESK = "desk", _("值班席")
        SYSTEM = "system", _("平台")

    id = models.BigAutoField(primary_key=True)
    scan = models.ForeignKey(Scan, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    side = models.CharField(max_length=6, choices=Side.choices)
    content = models.BinaryField(default=b"")
    photo = models.BinaryField(default=b"")
    guardian = models.ForeignKey(Guardian, models.PROTECT, null=True, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    form = models.UUIDField(null=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=("form",), name="entry_once"),)

    def __str__(self) -> str:
        return f"{self.scan_id} {self.kind}"


class AlertStep(models.Model):
    """One step of telling people of a reported scan: whom, when, until when they may answer.

    Steps are told in the order of `n`; those of the same `n` together.
    """

    class Kind(models.TextChoices):
        GUARDIAN = "guardian", _("监护人")
        GRID_WORKER = "grid", _("网格员")
        DESK = "desk", _("值班席")

    id = models.BigAutoField(primary_key=True)
    scan = models.ForeignKey(Scan, models.CASCADE, related_name="steps")
    n = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    guardian = models.ForeignKey(Guardian, models.PROTECT, null=True, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    told_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("n", "id")

    def __str__(self) -> str:
        return f"{self.scan_id}.{self.n} {self.kind}"
