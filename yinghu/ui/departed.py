"""Helpers who serve no more: what their phone is told, and how it still sends what they did.

A phone keeps steps while it has no network. If its helper is suspended, leaves or loses the login
meanwhile, their session has ended too. So each page of a helper leaves a signed cookie that names
them for 30 days. It opens nothing while they serve, and afterwards only what is here: sending steps
of legs that they had, and the page that says what happened.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from yinghu.appeals.models import Event
from yinghu.common.language import is_english, name_of
from yinghu.common.privacy.sealing import derived_key
from yinghu.people.access import Actor, actor_of, desks_of
from yinghu.people.models import Unit, User, Volunteer
from yinghu.ui.requests import who

COOKIE: Final = "yinghu_helper_"
"""With the user's id: a phone may have several helpers."""
LASTS: Final = 30 * 24 * 3600
"""Seconds; as far back as a phone's step may lie."""
_SALT: Final = "yinghu.helper"


def remember_helper(response: HttpResponseBase, user: User) -> None:
    """Leave the cookie that names the helper of this phone."""
    named = signing.dumps(user.pk, key=derived_key("helper").hex(), salt=_SALT)
    response.set_cookie(
        f"{COOKIE}{user.pk}",
        named,
        max_age=LASTS,
        path="/field",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def departed_helper(request: HttpRequest) -> User | None:
    """Return the helper whose page this would be if they serve no more, else None."""
    if isinstance(request.user, User):
        return request.user if _has_departed(request.user, who(request)) else None
    here = _helpers_of(request)
    # Whoever serves and has the phone now needs the login, not somebody else's story.
    gone = [user for user in here if _has_departed(user, actor_of(user))]
    return gone[0] if gone and len(gone) == len(here) else None


def departed_helpers(request: HttpRequest) -> list[User]:
    """Return the helpers of this phone who serve no more."""
    return [user for user in _helpers_of(request) if _has_departed(user, actor_of(user))]


def _helpers_of(request: HttpRequest) -> list[User]:
    named = set()
    for name, value in request.COOKIES.items():
        if name.startswith(COOKIE):
            with suppress(signing.BadSignature):
                key = derived_key("helper").hex()
                named.add(signing.loads(value, key=key, salt=_SALT, max_age=LASTS))
    return list(User.objects.filter(pk__in=named).order_by("pk"))


def _has_departed(user: User, actor: Actor) -> bool:
    if user.is_active and "field" in desks_of(actor):
        return False
    helped = Event.objects.filter(user=user, verb__in=("take", "accept"))
    return helped.exists() or Volunteer.objects.filter(user=user).exists()


def bare_actor(user: User) -> Actor:
    """Return the helper without posts: they may report on legs that they had, and nothing else."""
    return Actor("user", user.pk, str(user))


@dataclass(frozen=True, slots=True)
class Departure:
    """What happened to a helper, in words for them: a heading, the reason, and whom to ask."""

    title: str
    why: str
    ask: str

    def __str__(self) -> str:
        return (" " if is_english() else "").join(filter(None, (self.title, self.why, self.ask)))


def departure_of(user: User) -> Departure:
    """Say why this person serves no more."""
    volunteer = Volunteer.objects.filter(user=user).select_related("squad").first()
    squad = volunteer.squad if volunteer is not None else _last_unit(user)
    ask = _("有疑问请联系%s的负责人。") % name_of(squad) if squad else _("有疑问请联系您的单位。")
    if not user.is_active:
        return Departure(_("您的账号停用了。"), "", ask)
    why = _("原因：%s。") % volunteer.note if volunteer is not None and volunteer.note else ""
    if volunteer is not None and volunteer.state == Volunteer.State.SUSPENDED:
        return Departure(_("您的志愿服务暂停了。"), why, ask)
    if squad is not None and not squad.active:
        return Departure(_("“%s”停用了。") % name_of(squad), "", _("有疑问请联系社区。"))
    return Departure(_("您已经不在队里。"), why, ask)


def _last_unit(user: User) -> Unit | None:
    post = user.posts.select_related("unit").order_by("-pk").first()
    return post.unit if post is not None else None
