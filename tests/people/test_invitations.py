"""Concurrent creation and use of invitation links."""

from __future__ import annotations

from threading import Barrier

from tests.cast import Cast
from tests.cities import in_threads
from tests.live import Live
from yinghu.people import invitations
from yinghu.people.models import Invitation, User


def test_concurrent_uses_of_a_link_succeed_once(live: Live, live_city: Cast) -> None:
    user = User.objects.create(username="twice", display_name="一个人")
    for _round in range(5):
        secret = invitations.make_link(user, None)
        won: list[str] = []

        def use(password: str, secret: str = secret, won: list[str] = won) -> None:
            if invitations.use_invitation(secret, password) is not None:
                won.append(password)

        in_threads(lambda: use("the-first-one"), lambda: use("the-other-one"))
        assert len(won) == 1
        user.refresh_from_db()
        assert user.check_password(won[0])


def test_concurrently_created_links_leave_one_valid(live: Live, live_city: Cast) -> None:
    user = User.objects.create(username="twice", display_name="一个人")
    open_now = Invitation.objects.filter(user=user, used_at=None, revoked_at=None)
    for _round in range(10):
        made: list[str] = []
        together = Barrier(2)

        def make(together: Barrier = together, made: list[str] = made) -> None:
            User.objects.get(pk=user.pk)  # opens the connection before the start
            together.wait()
            made.append(invitations.make_link(user, None))

        in_threads(make, make)
        assert open_now.count() == 1
        assert [invitations.invited(secret) for secret in made].count(user) == 1


def test_using_a_link_invalidates_the_logins_other_links(live: Live, live_city: Cast) -> None:
    user = User.objects.create(username="twice", display_name="一个人")
    first = invitations.make_link(user, None)
    # Both valid, as concurrent creation once left them.
    Invitation.objects.filter(user=user).update(revoked_at=None)
    second = invitations.make_link(user, None)
    Invitation.objects.filter(user=user).update(revoked_at=None)
    assert invitations.use_invitation(second, "a-long-enough-one") == user
    assert invitations.use_invitation(first, "another-long-one") is None
    user.refresh_from_db()
    assert user.check_password("a-long-enough-one")
