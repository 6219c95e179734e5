"""Whistles, and the units that they call. All else that oversight knows are events and clocks."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Occasion, Satisfaction


class Whistle(models.Model):
    """A unit of the grassroots calls others to a case (吹哨): for what, where to and until when.

    `lon`, `lat` are where they are to meet, WGS-84 degrees, as far as that is known. `tier` is the
    level of the whistler: a village whistles for its town, a town for the city's departments.
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
    """One unit that a whistle calls: whether it reported in (报到), from where, what it found and
    will do (四要素), whether it contested being named, and how the whistler rates it.

    `metres` is how far from the meeting place it reported in; null where nobody knows.
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
