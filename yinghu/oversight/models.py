"""Whistles, summonses, shares and contacts; other oversight is stored in events and clocks."""

from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.states import Occasion, Satisfaction
from yinghu.people.access import speaking


class Whistle(models.Model):
    """A grassroots unit calls others to a case (吹哨): for what, where to and until when.

    `lon`, `lat` are the meeting place, WGS-84 degrees, if known. `tier` is the level of the
    whistler: a village whistles for its town, a town for the city's departments.
    """

    appeal = models.ForeignKey(Appeal, models.PROTECT, related_name="whistles")
    event = models.OneToOneField(Event, models.PROTECT, related_name="whistle")
    unit = models.ForeignKey("people.Unit", models.PROTECT, related_name="whistles")
    tier = models.PositiveSmallIntegerField()
    occasion = models.CharField(max_length=10, choices=[(o.value, o.label) for o in Occasion])
    place = models.CharField(max_length=200)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    until = models.DateTimeField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = (models.Index(fields=("at",), name="whistle_at"),)

    def __str__(self) -> str:
        return f"{self.appeal} · {self.unit}"


class Summons(models.Model):
    """One unit that a whistle calls: whether it reported in (报到), from where, its findings and
    measures (四要素), whether it contested being named, and its rating by the whistler.

    `metres` is its distance from the meeting place when it reported in; null if unknown.
    """

    whistle = models.ForeignKey(Whistle, models.PROTECT, related_name="summons")
    unit = models.ForeignKey("people.Unit", models.PROTECT, related_name="summons")
    reported_at = models.DateTimeField(null=True)
    reported_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    metres = models.FloatField(null=True)
    received_at = models.DateTimeField(null=True)
    spoken_to = models.TextField(blank=True)
    measures = models.TextField(blank=True)
    done_by = models.DateTimeField(null=True)
    contested_at = models.DateTimeField(null=True)
    excused = models.BooleanField(null=True)
    grade = models.CharField(
        max_length=8, blank=True, choices=[(s.value, s.label) for s in Satisfaction]
    )

    class Meta:
        constraints = (models.UniqueConstraint(fields=("whistle", "unit"), name="summons_once"),)
        indexes = (
            models.Index(
                fields=("unit",), name="summons_waiting", condition=Q(reported_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"{self.whistle} → {self.unit}"


class Share(models.Model):
    """A case shared (共享) with a unit, by which unit (null for a desk) and until when."""

    appeal = models.ForeignKey(Appeal, models.PROTECT, related_name="shares")
    event = models.OneToOneField(Event, models.PROTECT, related_name="share")
    unit = models.ForeignKey("people.Unit", models.PROTECT, related_name="+")
    by_unit = models.ForeignKey("people.Unit", models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("appeal", "unit"),
                name="shared_once",
                condition=Q(ended_at__isnull=True),
            ),
        )
        indexes = (
            models.Index(fields=("unit",), name="share_of", condition=Q(ended_at__isnull=True)),
        )

    def __str__(self) -> str:
        return f"{self.appeal} → {self.unit}"


class ContactQuerySet(models.QuerySet["Contact"]):
    def standing(self) -> Self:
        """Contacts who still speak for their unit; those who left it are excluded."""
        return self.filter(Exists(speaking(OuterRef("unit")).filter(user=OuterRef("user"))))


class Contact(models.Model):
    """The person to ask for at a unit that has a case, or a part in it (对接人)."""

    appeal = models.ForeignKey(Appeal, models.PROTECT, related_name="contacts")
    unit = models.ForeignKey("people.Unit", models.PROTECT, related_name="+")
    user = models.ForeignKey("people.User", models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("appeal", "unit"), name="one_contact_of_a_unit"),
        )

    def __str__(self) -> str:
        return f"{self.unit} · {self.user}"


class CalendarMove(models.Model):
    """A running clock that has yet to follow a changed calendar: when it was due in the old one,
    and the working minutes by which that lies beyond its limit, for pauses and extensions.
    """

    clock = models.OneToOneField(Clock, models.CASCADE, primary_key=True)
    due_at = models.DateTimeField()
    beyond = models.FloatField()

    def __str__(self) -> str:
        return str(self.clock_id)
