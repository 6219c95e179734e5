"""Tables of errands, their legs, and offers of legs to helpers."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from yinghu.appeals.models import Appeal
from yinghu.people.models import User


class LegKind(models.TextChoices):
    """The kind of work on a leg of an errand."""

    BUY = "buy", _("代买")
    QUEUE = "queue", _("排队")
    COLLECT = "collect", _("取件")
    HAND_OVER = "hand_over", _("交接")
    CARRY = "carry", _("送到")
    DRIVE = "drive", _("接送")
    VISIT = "visit", _("上门")
    PHONE = "phone", _("打电话")
    BRING_BACK = "bring_back", _("交回东西")


PURCHASES = (LegKind.BUY, LegKind.QUEUE, LegKind.COLLECT)
"""Kinds that put new goods into the helper's hands."""


TAKEN_ALONE = tuple(kind for kind in LegKind if kind not in (LegKind.HAND_OVER, LegKind.BRING_BACK))
"""Kinds that one helper takes; the others follow from these."""


class Where(models.TextChoices):
    """Where a leg is done."""

    HOME = "home", _("诉求人那里")
    ANSWER = "answer", _("诉求里说的地方")
    PLACE = "place", _("固定的点位")
    GATE = "gate", _("管控区的门口")
    NOWHERE = "nowhere", _("不用去")


class Proof(models.TextChoices):
    """Proof that is required when a leg is done."""

    NONE = "none", _("不用")
    WORDS = "words", _("写一句")
    PHOTO = "photo", _("拍照")


class ErrandTemplate(models.Model):
    """The legs by which cases of a category (and of those below it) are usually served.

    `legs` is a list of {kind, title, title_en?, where, place?, field?, skill?, proof, beside}:
    `place` is the code of a place, `field` the question whose answer names one, `skill` the skill
    that is needed; `beside` is true if it need not wait for the leg before. With `auto` the errand
    is planned as soon as a group or a squad has such a case. `words` are sent to the requester when
    all is done.
    """

    category = models.ForeignKey("appeals.Category", models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    legs = models.JSONField(default=list)
    words = models.TextField(blank=True)
    auto = models.BooleanField(default=True)
    order = models.PositiveSmallIntegerField(default=100)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("order", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def name_en(self) -> str:
        """The English titles of its legs: it has no English name of its own."""
        titles = (leg.get("title_en", "") for leg in self.legs)
        return ", ".join(filter(None, titles)).replace("{place}", "…")


class FixedHelper(models.Model):
    """A group's own buyer or courier, asked first and alone for legs of this kind (at a place)."""

    unit = models.ForeignKey("people.Unit", models.CASCADE, related_name="fixed_helpers")
    kind = models.CharField(max_length=10, choices=LegKind.choices)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    place = models.ForeignKey("places.Place", models.CASCADE, null=True, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("unit", "kind", "user", "place"),
                nulls_distinct=False,
                name="fixed_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.unit} · {self.kind} · {self.user}"


class Errand(models.Model):
    """One way to serve a case, in legs. Only the verbs of errands write errands and legs."""

    appeal = models.ForeignKey(Appeal, models.PROTECT, related_name="errands")
    template = models.ForeignKey(ErrandTemplate, models.SET_NULL, null=True)
    title = models.CharField(max_length=60)
    title_en = models.CharField(max_length=200, default="", db_default="")
    words = models.TextField(default="")
    made_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.title


class Leg(models.Model):
    """One part of an errand, done by one person; a hand-over by two.

    `after` are the numbers of the legs that must be done first. `opened_at`: since when it may be
    taken (those before it are taken); `ready_at`: since when it can be done (those before it are
    done). A hand-over is from `giver` to `holder`, who confirm it at `given_at` and `received_at`.
    `lon`, `lat` are where it is done, `about_lon`, `about_lat` the blurred point shown before it is
    taken, by an offset drawn once per case.

    `stage` is how far the search for a helper has come (`errands.offers.Stage`), `next_at` when
    the sweep looks at it again. `active_at` is when its holder last did something about it. Money
    is in cents of the city's currency.
    """

    class State(models.TextChoices):
        OPEN = "open", _("等人接")
        TAKEN = "taken", _("有人在办")
        DONE = "done", _("办完")
        DROPPED = "dropped", _("取消")

    id = models.BigAutoField(primary_key=True)
    errand = models.ForeignKey(Errand, models.PROTECT, related_name="legs")
    appeal = models.ForeignKey(Appeal, models.PROTECT, related_name="all_legs")
    n = models.PositiveSmallIntegerField()
    after = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    kind = models.CharField(max_length=10, choices=LegKind.choices)
    title = models.CharField(max_length=60)
    title_en = models.CharField(max_length=60, default="", db_default="")
    what = models.TextField(default="", blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN.value)
    place = models.ForeignKey("places.Place", models.PROTECT, null=True)
    area = models.ForeignKey("places.Area", models.PROTECT, null=True, db_index=False)
    at_home = models.BooleanField(default=False)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    about_lon = models.FloatField(null=True)
    about_lat = models.FloatField(null=True)
    zone = models.ForeignKey("places.Zone", models.PROTECT, null=True)
    skill = models.CharField(max_length=40, blank=True, default="")
    proof = models.CharField(max_length=6, choices=Proof.choices, default=Proof.NONE.value)
    holder = models.ForeignKey(User, models.PROTECT, null=True, related_name="legs")
    giver = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    kept = models.CharField(max_length=200, default="", blank=True)
    estimate = models.PositiveIntegerField(null=True)
    paid = models.PositiveIntegerField(null=True)
    repaid_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    active_at = models.DateTimeField(null=True)
    nudged_at = models.DateTimeField(null=True)
    given_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    minutes = models.PositiveIntegerField(default=0)
    stage = models.PositiveSmallIntegerField(default=0)
    stage_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("errand", "n"), name="leg_n"),
            models.CheckConstraint(
                name="leg_held",
                # The holder of a hand-over may be known before it is done.
                condition=Q(kind="hand_over") | ~Q(state="taken") | Q(holder__isnull=False),
            ),
            models.CheckConstraint(
                name="leg_not_held",
                condition=Q(kind="hand_over") | ~Q(state="open") | Q(holder__isnull=True),
            ),
        )
        indexes = (
            models.Index(
                fields=("next_at",),
                name="leg_next",
                condition=Q(next_at__isnull=False, state__in=("open", "taken")),
            ),
            models.Index(
                fields=("area", "id"),
                name="leg_pool",
                opclasses=("text_pattern_ops", "int8_ops"),
                condition=Q(state="open", opened_at__isnull=False),
            ),
            models.Index(
                fields=("holder", "state", "done_at"),
                name="leg_holder",
                condition=Q(holder__isnull=False),
            ),
            models.Index(
                fields=("giver",),
                name="leg_giver",
                condition=Q(giver__isnull=False, state="open"),
            ),
            models.Index(fields=("place", "kind"), name="leg_shopping", condition=Q(state="taken")),
        )

    def __str__(self) -> str:
        return f"{self.errand_id}.{self.n} {self.title}"

    @property
    def facts(self) -> dict[str, object]:
        """The facts that every event of a leg carries."""
        return {
            "errand": self.errand_id,
            "leg": self.n,
            "title": self.title,
            "title_en": self.title_en,
            "kind": str(self.kind),
        }


class Offer(models.Model):
    """A request to take a leg: when it was made, when it expires, and the answer."""

    class Answer(models.TextChoices):
        WAITING = "", _("等回答")
        YES = "yes", _("接了")
        NO = "no", _("不方便")
        LATE = "late", _("没有回答")
        GONE = "gone", _("别人接了")

    id = models.BigAutoField(primary_key=True)
    leg = models.ForeignKey(Leg, models.CASCADE, related_name="offers")
    user = models.ForeignKey(User, models.CASCADE, related_name="offers")
    asked_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()
    answer = models.CharField(max_length=8, choices=Answer.choices, blank=True, default="")
    answered_at = models.DateTimeField(null=True)
    metres = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("leg", "user"), name="offer_once"),)
        indexes = (
            models.Index(fields=("user", "-asked_at"), name="offer_of"),
            models.Index(fields=("until",), name="offer_waits", condition=Q(answer="")),
        )

    def __str__(self) -> str:
        return f"{self.leg_id}: {self.user_id} {self.answer}"


class FieldRecord(models.Model):
    """A step recorded by a phone, perhaps offline, and sent; done once, however often it arrives.

    `key` is the phone's own id for it, `result` the answer that it got.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.UUIDField()
    leg = models.ForeignKey(Leg, models.CASCADE, null=True)
    verb = models.CharField(max_length=10)
    said_at = models.DateTimeField()
    came_at = models.DateTimeField(db_default=Now())
    result = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="record_once"),)

    def __str__(self) -> str:
        return str(self.key)
