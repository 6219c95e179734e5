"""Rezoning of open legs, so that no helper is sent into a zone sealed since planning."""

import structlog
from django.db.models import Q
from procrastinate.contrib.django import app as jobs

from yinghu.errands.models import Leg, LegKind
from yinghu.places.zones import zone_at

log = structlog.get_logger(__name__)


@jobs.task(name="yinghu.rezone", queueing_lock="yinghu.rezone", queue="oversight")
def rezone() -> None:
    """Update the zones of all legs that nobody has taken, after a change of zones."""
    changed = 0
    waiting = Leg.objects.filter(Q(at_home=True) | Q(place__isnull=False), state=Leg.State.OPEN)
    for leg in waiting.exclude(kind=LegKind.HAND_OVER).iterator():
        zone = zone_at(leg.area_id or "", leg.lon, leg.lat)
        if leg.zone_id != (zone.pk if zone else None):
            changed += Leg.objects.filter(pk=leg.pk, state=Leg.State.OPEN).update(zone=zone)
    log.info("legs put into zones anew", legs=changed)
