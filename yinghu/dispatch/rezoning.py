"""After zones were drawn, sealed or opened: legs that wait to be taken lie in other zones than when
they were planned, and nobody may walk into a sealed one because it was open then.
"""

from __future__ import annotations

import structlog
from django.db.models import Q
from procrastinate.contrib.django import app as jobs

from yinghu.dispatch.models import Leg, LegKind
from yinghu.places.zones import zone_at

log = structlog.get_logger(__name__)


def put_anew() -> int:
    """Look up for every leg that nobody has taken in which zone it lies now; how many it changed.
    What is in somebody's hands stays with them: they are told at the gate.
    """
    changed = 0
    waiting = Leg.objects.filter(Q(at_home=True) | Q(place__isnull=False), state=Leg.State.OPEN)
    for leg in waiting.exclude(kind=LegKind.HAND_OVER).iterator():
        zone = zone_at(leg.area_id or "", leg.lon, leg.lat)
        if leg.zone_id != (zone.pk if zone else None):
            changed += Leg.objects.filter(pk=leg.pk, state=Leg.State.OPEN).update(zone=zone)
    return changed


@jobs.task(name="yinghu.rezone", queueing_lock="yinghu.rezone", queue="oversight")
def rezone() -> None:
    """After zones were changed."""
    log.info("legs put into zones anew", legs=put_anew())
