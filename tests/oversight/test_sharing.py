"""Sharing with task forces: permissions, partners, notifications and the end of a share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast, requester, taken_milk
from tests.oversight.test_rulings import login
from yinghu.appeals import actions, handling_actions, moving
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Who
from yinghu.notifications.audience import find_audience
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import sharing, sharing_actions
from yinghu.oversight.models import Contact, Share
from yinghu.oversight.sharing_actions import CONTACT, SHARE, UNSHARE
from yinghu.people.access import may_see, visible_q
from yinghu.people.models import Post, Role, Unit, User
from yinghu.verbs import PRIVATE, verb_of

pytestmark = pytest.mark.django_db
ASKED: dict[str, Any] = {"unit": "force-supplies", "why": "请调一箱奶粉"}


def told(event: Any) -> set[str]:
    found = find_audience([event])
    return set(
        User.objects.filter(pk__in=[u for _e, u, _r in found]).values_list("username", flat=True)
    )


def sees(name: str, appeal: Appeal) -> bool:
    appeal.refresh_from_db()
    actor = login(name)
    listed = Appeal.objects.filter(visible_q(actor), pk=appeal.pk).exists()
    assert listed == may_see(actor, appeal)
    return listed


def test_share_and_unshare_grant_and_revoke_access(city: Cast) -> None:
    appeal = taken_milk(city)
    assert not sees("supplies-handler", appeal)
    event = sharing_actions.share(appeal.pk, city.milk, **ASKED)
    assert told(event) == {"supplies-handler"}
    assert verb_of(event).told_of(event) == "已请物资保障专班一起办理"
    assert sees("supplies-handler", appeal)
    assert not sees("medical-handler", appeal)
    # The person who shared the case becomes the contact of their unit.
    assert Contact.objects.get(appeal=appeal).user_id == city.milk.user_id
    named = sharing_actions.contact(appeal.pk, login("supplies-handler"))
    assert told(named) == {"milk-handler"}
    assert named.facts["who"] == "物资专班老梁"
    assert named.verb in PRIVATE
    ended = sharing_actions.unshare(
        appeal.pk, login("supplies-handler"), unit="force-supplies", why="调好了"
    )
    assert told(ended) == {"milk-handler"}
    assert not sees("supplies-handler", appeal)
    assert Contact.objects.filter(appeal=appeal).count() == 1
    with pytest.raises(moving.NotFound):
        handling_actions.note(appeal.pk, login("supplies-handler"), why="还能写吗")
    with pytest.raises(moving.Conflict):
        sharing_actions.unshare(appeal.pk, city.milk, unit="force-supplies", why="再来")
    # The case can be shared again.
    sharing_actions.share(appeal.pk, city.dispatcher, **ASKED)
    assert Share.objects.filter(appeal=appeal).count() == 2


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        ("food", "no_force"),
        ("nowhere", "unknown_unit"),
        ("milk", "own_unit"),
        ("empty", "nobody_there"),
    ],
)
def test_sharing_with_an_unsuitable_unit_is_refused(city: Cast, unit: str, code: str) -> None:
    Unit.objects.create(code="empty", name="空专班", kind="task_force")
    appeal = taken_milk(city)
    with pytest.raises(moving.Refused) as refused:
        sharing_actions.share(appeal.pk, city.milk, unit=unit, why="请办")
    assert (refused.value.code, refused.value.field) == (code, "unit")
    Unit.objects.filter(code="force-supplies").update(active=False)
    with pytest.raises(moving.Refused, match="没有这个单位"):
        sharing_actions.share(appeal.pk, city.milk, **ASKED)


def test_sharing_twice_with_a_unit_is_refused(city: Cast) -> None:
    appeal = taken_milk(city)
    sharing_actions.share(appeal.pk, city.milk, **ASKED)
    for actor in (city.milk, city.dispatcher):
        with pytest.raises(moving.Refused, match="已经参与"):
            sharing_actions.share(appeal.pk, actor, **ASKED)


def test_task_force_shares_its_cases_with_any_unit(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.assign(appeal.pk, city.dispatcher, unit="force-supplies")
    force = login("supplies-handler")
    appeal.refresh_from_db()
    assert {"food", "force-medical"} <= {unit.code for unit in sharing.partners(appeal)}
    event = sharing_actions.share(appeal.pk, force, unit="food", why="请备货")
    assert told(event) == {"food-handler"}
    assert sees("food-handler", appeal)
    sharing_actions.contact(appeal.pk, login("food-handler"))
    # The unit that has the case may end it; a third unit does not even see the case.
    with pytest.raises(moving.NotFound):
        sharing_actions.unshare(appeal.pk, login("medical-handler"), unit="food", why="不要")
    sharing_actions.unshare(appeal.pk, force, unit="food", why="备好了")
    assert not sees("food-handler", appeal)


def test_contacts_must_be_staff_of_the_unit(city: Cast) -> None:
    appeal = taken_milk(city)
    sharing_actions.share(appeal.pk, city.milk, **ASKED)
    force = login("supplies-handler")
    for stranger in ("milk-handler", "medical-handler", "volunteer", "nobody"):
        with pytest.raises(moving.Refused) as refused:
            sharing_actions.contact(appeal.pk, force, user=stranger)
        assert refused.value.code == "unknown_user"
    # A volunteer of the unit cannot be its contact.
    with pytest.raises(moving.Refused):
        sharing_actions.contact(appeal.pk, city.milk, user="volunteer")
    with pytest.raises(moving.Refused) as refused:
        sharing_actions.contact(appeal.pk, force, unit="milk")
    assert refused.value.code == "not_yours"
    other = User.objects.create_user("supplies-2", display_name="物资专班小孔")
    post = Post.objects.create(
        user=other, unit=Unit.objects.get(code="force-supplies"), role=Role.HANDLER
    )
    event = sharing_actions.contact(appeal.pk, force, user="supplies-2")
    assert told(event) == {"supplies-2", "milk-handler"}
    with pytest.raises(moving.Conflict, match="已经是对接人"):
        sharing_actions.contact(appeal.pk, force, user="supplies-2")
    assert Contact.objects.standing().filter(appeal=appeal).count() == 2
    # A person who has left the unit is no longer its contact.
    post.delete()
    assert Contact.objects.standing().filter(appeal=appeal).count() == 1


def test_invited_unit_keeps_access_after_unshare(city: Cast) -> None:
    appeal = taken_milk(city)
    sharing_actions.share(appeal.pk, city.milk, **ASKED)
    oversight_actions.invite(
        appeal.pk,
        city.milk,
        unit="force-supplies",
        until=timezone.now() + timedelta(days=2),
        why="借车",
    )
    sharing_actions.unshare(appeal.pk, city.commander, unit="force-supplies", why="不用了")
    assert sees("supplies-handler", appeal)


def test_unit_cannot_end_the_share_of_another_unit(city: Cast) -> None:
    appeal = taken_milk(city)
    sharing_actions.share(appeal.pk, city.milk, **ASKED)
    sharing_actions.share(appeal.pk, city.milk, unit="force-medical", why="请看")
    with pytest.raises(moving.Forbidden):
        sharing_actions.unshare(
            appeal.pk, login("medical-handler"), unit="force-supplies", why="不要"
        )


def test_volunteers_and_requesters_cannot_share(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.hand(appeal.pk, city.milk, user="volunteer")
    for verb in (SHARE, CONTACT, UNSHARE):
        assert not verb.who & {Who.VOLUNTEER, Who.HOLDER, Who.REQUESTER}
    for actor in (city.volunteer, requester(appeal)):
        with pytest.raises(moving.Forbidden):
            sharing_actions.share(appeal.pk, actor, **ASKED)
