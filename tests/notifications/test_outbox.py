"""The outbox under concurrent workers."""

from __future__ import annotations

from tests.cast import cast, requester, taken_milk
from tests.cities import City, in_threads
from yinghu.appeals import handling_actions
from yinghu.notifications.models import Delivery, Notification
from yinghu.reactions import react


def test_concurrent_workers_notify_each_recipient_once(own_city: City) -> None:
    people = cast()
    appeals = [taken_milk(people) for _each in range(20)]
    events = [handling_actions.urge(appeal.pk, requester(appeal)).pk for appeal in appeals]
    in_threads(*[lambda: react(events=events)] * 4)
    assert Notification.objects.filter(event__in=events).count() == 20
    assert Delivery.objects.filter(notification__event__in=events).count() == 20
