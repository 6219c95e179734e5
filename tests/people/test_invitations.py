"""A link that two use at once."""

from __future__ import annotations

from tests.cast import Cast
from tests.cities import in_threads
from tests.live import Live
from yinghu.people import invitations
from yinghu.people.models import User


def test_of_two_who_use_one_link_at_once_one_succeeds(live: Live, live_city: Cast) -> None:
    user = User.objects.create(username="twice", display_name="一个人")
    for _round in range(5):
        secret = invitations.make(user, None)
        won: list[str] = []

        def use(password: str, secret: str = secret, won: list[str] = won) -> None:
            if invitations.accept(secret, password) is not None:
                won.append(password)

        in_threads(lambda: use("the-first-one"), lambda: use("the-other-one"))
        assert len(won) == 1
        user.refresh_from_db()
        assert user.check_password(won[0])
