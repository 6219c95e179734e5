"""The weekly digest: once a week per login, even with repeated and concurrent runs."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests.cast import Cast, cast, taken_milk
from tests.cities import City, in_threads
from tests.oversight.clock import pass_time
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Policy
from yinghu.notifications import digest, texts
from yinghu.notifications.models import Delivery, Notification
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import worklists
from yinghu.people.access import SYSTEM
from yinghu.people.models import Post, User

MONDAY = date(2026, 11, 30)


def told() -> dict[str, str]:
    """Text of the digests, by username."""
    found = Notification.objects.filter(week__isnull=False).select_related("user")
    said = {}
    for each in found:
        assert each.user is not None
        said[each.user.username] = texts.notification_text(each, texts.units_of([each]))
    return said


@pytest.mark.django_db
def test_each_login_gets_a_digest_of_its_own_cases(city: Cast, browse: Browse) -> None:
    late, done, raised = (taken_milk(city) for _ in range(3))
    oversight_actions.escalate(raised.pk, SYSTEM, why="两家都推")
    handling_actions.resolve(done.pk, city.milk, words="已送到")
    pass_time(24 * 10, late)
    assert digest.tell_weekly(MONDAY) == Notification.objects.filter(week=MONDAY).count()
    said = told()
    milk = "milk-handler"
    assert said[milk] == "每周小结：上周办结 1 件，手上和待接单 1 件，已超时 1 件"
    assert said["supervisor"].endswith("：提级办理 1 件")
    # A login without cases gets no digest.
    assert "food" not in " ".join(said)
    client = browse(milk)
    page = text_of(client.get("/desk/notices"))
    assert said[milk] in page
    assert 'class="bell-count"' in page
    own = Notification.objects.get(user__username=milk, week=MONDAY)
    answer = client.get(f"/desk/notices/{own.pk}")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/desk/own"
    own.refresh_from_db()
    assert own.read_at is not None
    # It can still be opened after the login has changed posts.
    Post.objects.filter(user=own.user).update(role="admin")
    assert client.get(f"/desk/notices/{own.pk}").headers["Location"] == "/desk/notices"
    assert browse("clerk").get(f"/desk/notices/{own.pk}").status_code == 404


@pytest.mark.django_db
def test_volunteers_are_not_told_of_their_units_obligations(city: Cast) -> None:
    appeal = taken_milk(city)
    until = timezone.now() + timedelta(days=1)
    oversight_actions.supervise(appeal.pk, city.commander, until=until, why="今天回话")
    digest.tell_weekly(MONDAY)
    assert "等您回话 1 件" in told()["milk-handler"]
    assert not {"volunteer", "volunteer-2"} & set(told())
    actions.hand(appeal.pk, city.milk, user="volunteer")
    # A volunteer who holds the case can answer for it.
    assert list(worklists.cases_to_answer(city.volunteer)) == [appeal]


@pytest.mark.django_db
def test_digest_is_sent_once_per_date(city: Cast) -> None:
    taken_milk(city)
    first = digest.tell_weekly(MONDAY)
    assert first > 0
    assert digest.tell_weekly(MONDAY) == 0
    assert digest.tell_weekly(MONDAY + timedelta(days=7)) == first
    assert Delivery.objects.filter(notification__week=MONDAY).count() == first
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(user=User.objects.get(username="milk-handler"), reason="digest")


@pytest.mark.django_db
def test_policies_set_the_digest_day_and_hour(city: Cast) -> None:
    def at(hour: int, day: date = MONDAY) -> bool:
        return digest.is_time(
            timezone.make_aware(datetime(day.year, day.month, day.day, hour)),
        )

    assert [at(7), at(8), at(23), at(8, MONDAY + timedelta(days=1))] == [False, True, True, False]
    Policy.objects.create(key="digest_day", value=7)
    Policy.objects.create(key="digest_hour", value=0)
    assert [at(8), at(0, MONDAY - timedelta(days=1))] == [False, True]
    Policy.objects.filter(key="digest_day").update(value=0)
    assert not any(at(9, MONDAY + timedelta(days=n)) for n in range(7))


def test_concurrent_workers_send_each_digest_once(own_city: City) -> None:
    taken_milk(cast())
    in_threads(*[lambda: digest.tell_weekly(MONDAY)] * 4)
    users = list(Notification.objects.filter(week=MONDAY).values_list("user", flat=True))
    assert len(users) == len(set(users)) > 0
    assert Delivery.objects.filter(notification__week=MONDAY).count() == len(users)


@pytest.mark.django_db
def test_failure_for_one_login_does_not_block_the_others(city: Cast) -> None:
    taken_milk(city)
    oversight_actions.escalate(taken_milk(city).pk, SYSTEM, why="两家都推")
    everybody = digest.tell_weekly(MONDAY - timedelta(days=7))
    weekly = Notification.objects.filter(week__isnull=False)
    first = weekly.order_by("user").values_list("user", flat=True)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "ALTER TABLE notifications_notification ADD CONSTRAINT broken "
            f"CHECK (user_id <> {first[0]} OR week < '{MONDAY}')"
        )
    assert digest.tell_weekly(MONDAY) == everybody - 1 > 0
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE notifications_notification DROP CONSTRAINT broken")
    assert digest.tell_weekly(MONDAY) == 1
