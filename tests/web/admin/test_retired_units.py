"""What a retired unit had to do goes to the unit above it, or ends with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.jobs import do_queued
from tests.oversight.test_rulings import login, refused
from tests.oversight.test_whistles import at_community, call, waiting
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Appeal
from yinghu.notifications.models import Notification
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import sharing_actions, whistle_actions
from yinghu.oversight.models import Share, Summons
from yinghu.oversight.succession import SUCCEED_TASK
from yinghu.people.models import Unit
from yinghu.reactions import react

pytestmark = pytest.mark.django_db


def retire(browse: Browse, code: str) -> str:
    """Retire a unit and do what follows; return the preview."""
    admin = browse("admin")
    preview = text_of(admin.get(f"/setup/unit/{code}/retire"))
    assert admin.post(f"/setup/unit/{code}/retire").status_code == 302
    assert do_queued(SUCCEED_TASK)
    return preview


def expected_of(city: Cast, unit: str) -> Appeal:
    """A case of the community to which a unit was called, and in which it was asked for help."""
    appeal = at_community(city)
    head = login("community-head")
    whistle_actions.whistle(appeal.pk, head, **call(units=[unit]))
    soon = timezone.now() + timedelta(days=1)
    oversight_actions.invite(appeal.pk, head, unit=unit, until=soon, why="派人来看")
    return appeal


def test_whistles_and_help_of_a_retired_unit_go_to_its_superior(city: Cast, browse: Browse) -> None:
    command = Unit.objects.filter(kind="command", active=True)[0]
    Unit.objects.filter(code="bureau-health").update(parent=command)
    appeal = expected_of(city, "bureau-health")
    preview = retire(browse, "bureau-health")
    assert "1 件等它报到、协办，或和它共享的：停用以后转给上级单位" in preview
    assert command.name in preview
    assert waiting(appeal) == {
        ("whistle", command.code),
        ("help", command.code),
        ("grade", "community-futian"),
    }
    event = appeal.events.get(verb="succeed")
    react([event.pk])
    told = set(Notification.objects.filter(event=event).values_list("user__username", flat=True))
    assert told == {"duty", "community-head"}
    whistler = login("community-head")
    text = text_of(browse("community-head").get("/desk/notices"))
    assert f"停用了，改由{command.name}来" in text
    # The successor reports in and is graded; the retired unit is excused.
    whistle_actions.report_in(appeal.pk, login("duty"), unit=command.code)
    refused(
        "graded_already",
        whistle_actions.grade,
        appeal,
        whistler,
        unit="bureau-health",
        satisfaction="no",
    )
    whistle_actions.grade(appeal.pk, whistler, unit=command.code, satisfaction="yes")


def test_demands_on_a_retired_unit_without_superior_end_with_a_reason(
    city: Cast, browse: Browse
) -> None:
    Unit.objects.filter(code="bureau-health").update(parent=None)
    appeal = expected_of(city, "bureau-health")
    preview = retire(browse, "bureau-health")
    assert "没有上级单位，停用以后就此结束，并告诉请它的单位" in preview
    assert waiting(appeal) <= {("grade", "community-futian")}
    assert Summons.objects.get(whistle__appeal=appeal).excused is True
    event = appeal.events.get(verb="succeed")
    react([event.pk])
    assert Notification.objects.filter(event=event, user__username="community-head").exists()
    text = text_of(browse("community-head").get("/desk/notices"))
    assert "停用了，没有单位接替，请另请别的单位" in text
    appeal.refresh_from_db()
    assert Unit.objects.get(code="bureau-health").pk not in (appeal.also or ())


def test_cases_and_shares_of_a_retired_unit_go_on(city: Cast, browse: Browse) -> None:
    appeal = at_community(city)
    preview = retire(browse, "community-futian")
    assert "1 件没办完的诉求在它手里：停用以后马上提到上一级" in preview
    appeal.refresh_from_db()
    assert appeal.status == "assigned"
    assert appeal.unit is not None
    assert (appeal.unit.active, appeal.unit.code) == (True, "town-futian")
    sharing_actions.share(appeal.pk, city.dispatcher, unit="force-medical", why="请看看")
    retire(browse, "force-medical")
    assert Share.objects.get(appeal=appeal).ended_at is not None


def test_restored_unit_keeps_what_it_has(city: Cast, browse: Browse) -> None:
    appeal = expected_of(city, "bureau-health")
    admin = browse("admin")
    admin.post("/setup/unit/bureau-health/retire")
    admin.post("/setup/unit/bureau-health/restore")
    do_queued(SUCCEED_TASK)
    assert ("whistle", "bureau-health") in waiting(appeal)
