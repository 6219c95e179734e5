"""Tables of units, posts, logins, tokens, volunteers, keys of persons, access log and history."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A login. Colleagues see `display_name`, requesters never do."""

    display_name = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.display_name or self.username


class Level(models.IntegerChoices):
    """The five levels up which a case is raised (提级), from grid to city command."""

    COMMAND = 1, _("指挥中心")
    DEPARTMENT = 2, _("部门")
    TOWN = 3, _("镇街")
    COMMUNITY = 4, _("村社")
    GRID = 5, _("网格")


class UnitKind(models.TextChoices):
    DESK = "desk", _("平台席位")
    COMMAND = "command", _("指挥中心")
    DEPARTMENT = "department", _("部门")
    TOWN = "town", _("镇街")
    COMMUNITY = "community", _("村社")
    GRID = "grid", _("网格")
    GROUP = "group", _("功能组")
    SQUAD = "squad", _("志愿服务队")
    TASK_FORCE = "task_force", _("专班")


LEVEL_OF = {
    UnitKind.DESK: Level.COMMAND,
    UnitKind.COMMAND: Level.COMMAND,
    UnitKind.DEPARTMENT: Level.DEPARTMENT,
    UnitKind.TOWN: Level.TOWN,
    UnitKind.COMMUNITY: Level.COMMUNITY,
    UnitKind.GRID: Level.GRID,
    UnitKind.GROUP: Level.TOWN,
    UnitKind.SQUAD: Level.COMMUNITY,
    UnitKind.TASK_FORCE: Level.DEPARTMENT,
}
"""Level of a unit by its kind; what it cannot solve goes up from there."""


class Unit(models.Model):
    """A department, town, group, squad or task force that handles appeals.

    `area` is what it covers, empty for everywhere. `most_held` limits the cases that one of its
    volunteers may hold; 0 is no limit.
    """

    MOST_HELD = 5

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=12, choices=UnitKind.choices)
    area = models.ForeignKey("places.Area", models.PROTECT, null=True, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True)
    most_held = models.PositiveSmallIntegerField(default=MOST_HELD, db_default=MOST_HELD)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def level(self) -> Level:
        return LEVEL_OF[UnitKind(self.kind)]


class Role(models.TextChoices):
    """What a post allows; only `access.py` turns roles into permissions."""

    OPERATOR = "operator", _("话务员")
    CLERK = "clerk", _("研判员")
    DISPATCHER = "dispatcher", _("派单员")
    HANDLER = "handler", _("经办人")
    HEAD = "head", _("单位负责人")
    VOLUNTEER = "volunteer", _("志愿者")
    GRID_WORKER = "grid_worker", _("网格员")
    SUPERVISOR = "supervisor", _("督办员")
    COMMANDER = "commander", _("指挥长")
    ADMIN = "admin", _("管理员")


class Post(models.Model):
    """A user's role in a unit over an area; an empty area means everywhere."""

    user = models.ForeignKey(User, models.CASCADE, related_name="posts")
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="posts")
    role = models.CharField(max_length=12, choices=Role.choices)
    area = models.ForeignKey("places.Area", models.PROTECT, null=True, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "unit", "role", "area"),
                nulls_distinct=False,
                name="post_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.unit}"


class ApiToken(models.Model):
    """An API key of another system, which acts as its user; only the SHA-256 digest is stored."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    digest = models.BinaryField(unique=True, max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class PersonKey(models.Model):
    """A key of one person's own, which seals all that is stored of them (`personal_keys`).

    `sealed` is the key, sealed with the installation's. Wiping the person destroys it: `sealed` is
    then NULL, and nothing that the key sealed can be read again, wherever it is stored. `digest` is
    the SHA-256 of the key and stays, as a proof that this very key is gone.
    """

    id = models.BigAutoField(primary_key=True)
    sealed = models.BinaryField(null=True)
    digest = models.BinaryField(max_length=32)
    made_at = models.DateTimeField(db_default=Now())
    destroyed_at = models.DateTimeField(null=True)
    destroyed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    why = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(sealed__isnull=False, destroyed_at__isnull=True)
                | Q(sealed__isnull=True, destroyed_at__isnull=False),
                name="person_key_destroyed",
            ),
        )

    def __str__(self) -> str:
        return f"key {self.pk}"


class Reveal(models.Model):
    """The access log: somebody was shown personal data in full. Written by `disclosure.py` only,
    and never changed.

    It belongs to a requester (`appeal_number`), a volunteer or a protected person (`protected`, an
    id). `shown` lists the fields: name, phone, address, place, details; older rows have none.
    `asked` is false for looks that come with work in hand; an index admits one of those per reason
    and quarter of an hour, also under concurrency.
    """

    user = models.ForeignKey(User, models.PROTECT)
    appeal_number = models.CharField(max_length=16, db_index=True, blank=True, default="")
    volunteer = models.ForeignKey(
        "people.Volunteer", models.PROTECT, null=True, related_name="reveals"
    )
    # An id, because `guardian` stands above this package.
    protected = models.BigIntegerField(null=True, db_index=True)
    shown = ArrayField(models.CharField(max_length=10), default=list)
    asked = models.BooleanField(default=False)
    why = models.CharField(max_length=200, blank=True, default="", db_default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(protected=None) & (Q(volunteer=None) ^ Q(appeal_number=""))
                | Q(protected__isnull=False, volunteer=None, appeal_number=""),
                name="reveal_of_one",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} · {self.appeal_number or self.volunteer or self.protected}"


class Change(models.Model):
    """A change of configuration (an area, a rule, a post …), kept for good.

    `kind` and `key` identify the row as its page does, `name` is what it was called. `before` and
    `after` hold the changed fields only; `before` is empty for a new row.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.PROTECT, null=True)
    kind = models.CharField(max_length=40)
    # Longest for a post: its login (150), unit (40), role and area (24).
    key = models.CharField(max_length=240)
    name = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (models.Index(fields=("kind", "key", "-id"), name="change_of"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Invitation(models.Model):
    """A single-use link to set a new login's password; only its SHA-256 digest is stored."""

    user = models.ForeignKey(User, models.CASCADE, related_name="invitations")
    digest = models.BinaryField(unique=True, max_length=32)
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.user)


class Skill(models.Model):
    """A volunteer's skill: driving, nursing, a language, heavy lifting."""

    code = models.SlugField(primary_key=True, max_length=40)
    name = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60, blank=True)
    order = models.PositiveSmallIntegerField(default=100)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("order", "code")

    def __str__(self) -> str:
        return self.name


class Volunteer(models.Model):
    """A volunteer of a squad, from applying to leaving. Their post says what they may do; this says
    what they can do, where and when.

    `name` and `phone` are sealed (`privacy.sealing`), `caller` is the blind index of the phone.
    `skills`, `areas` and `zones` are codes: skills, where they serve (prefixes; none for the
    squad's area), zones they may enter. `inside` is the zone where they live and which they do not
    leave while it is sealed. `hours` are the hours of the week when they can be asked, 0 is Monday
    0:00 to 1:00 local time; none is never. `ready_until` and `away_until` override them. `lon`,
    `lat` (WGS-84) are where they last reported to be. `asked_at` is when they were last asked to
    help.
    """

    class State(models.TextChoices):
        APPLIED = "applied", _("待审核")
        ACTIVE = "active", _("在队")
        SUSPENDED = "suspended", _("暂停")
        LEFT = "left", _("已退出")

    user = models.OneToOneField(User, models.PROTECT, primary_key=True, related_name="volunteer")
    squad = models.ForeignKey(Unit, models.PROTECT, related_name="volunteers")
    state = models.CharField(max_length=10, choices=State.choices, default=State.APPLIED.value)
    name = models.BinaryField(default=b"")
    phone = models.BinaryField(default=b"")
    caller = models.BinaryField(null=True)
    skills = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    areas = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    zones = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    inside = models.CharField(max_length=40, blank=True, default="")
    hours = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    ready_until = models.DateTimeField(null=True)
    away_until = models.DateTimeField(null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    located_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    trained_at = models.DateTimeField(null=True)
    consented_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = (
            # A phone belongs to one volunteer, but those who left may come back.
            models.UniqueConstraint(
                fields=("caller",),
                name="volunteer_phone_once",
                condition=Q(caller__isnull=False) & ~Q(state="left"),
            ),
        )
        indexes = (models.Index(fields=("squad", "state"), name="volunteer_squad"),)

    def __str__(self) -> str:
        return str(self.user)


class Shift(models.Model):
    """A volunteer's shift for a squad, during which they can be asked."""

    unit = models.ForeignKey(Unit, models.CASCADE, related_name="shifts")
    user = models.ForeignKey(User, models.CASCADE, related_name="shifts")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="shift_on"),
            models.UniqueConstraint(fields=("user", "starts_at"), name="shift_once"),
        )
        indexes = (models.Index(fields=("unit", "starts_at"), name="shift_unit"),)

    def __str__(self) -> str:
        return f"{self.user}: {self.starts_at} to {self.ends_at}"
