"""Links that are made or used by two at once."""

from __future__ import annotations

from threading import Barrier

from tests.cast import Cast
from tests.cities import in_threads
from tests.live import Live
from yinghu.people import invitations
from yinghu.people.models import Invitation, User


def test_of_two_who_use_one_link_at_once_one_succeeds(live: Live, live_city: Cast) -> None:
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


def test_of_two_links_made_at_once_one_opens(live: Live, live_city: Cast) -> None:
    user = User.objects.create(username="twice", display_name="一个人")
    open_now = Invitation.objects.filter(user=user, used_at=None, revoked_at=None)
    for _round in range(10):
        made: list[str] = []
        together = Barrier(2)

        def make(together: Barrier = together, made: list[str] = made) -> None:
            User.objects.get(pk=user.pk)  # connected before it starts
            together.wait()
            made.append(invitations.make_link(user, None))

        in_threads(make, make)
        assert open_now.count() == 1
        assert [invitations.invited(secret) for secret in made].count(user) == 1


def test_a_link_used_ends_the_logins_others(live: Live, live_city: Cast) -> None:
    user = User.objects.create(username="twice", display_name="一个人")
    first = invitations.make_link(user, None)
    # As two at once once left them.
    Invitation.objects.filter(user=user).update(revoked_at=None)
    second = invitations.make_link(user, None)
    Invitation.objects.filter(user=user).update(revoked_at=None)
    assert invitations.use_invitation(second, "a-long-enough-one") == user
    assert invitations.use_invitation(first, "another-long-one") is None
    user.refresh_from_db()
    assert user.check_password("a-long-enough-one")
