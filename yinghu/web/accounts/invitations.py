"""Invitation pages: making a link for a new login, and choosing a password by it."""

from typing import Any

import segno
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import SetPasswordForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from yinghu.appeals.city_texts import text
from yinghu.common import rate_limit
from yinghu.common.language import name_of
from yinghu.demo.cast import demo_logins
from yinghu.people import invitations
from yinghu.people.models import Post, Role, User
from yinghu.ui.requests import absolute, login_of
from yinghu.web.admin.decorators import door


def _user(key: str) -> User:
    if "\x00" in key:
        raise Http404
    return get_object_or_404(User, username=key, is_active=True)


@door("POST")
def invite_login(request: HttpRequest, key: str) -> HttpResponse:
    """Make and show a new one-time link for a login; earlier links become invalid."""
    user = _user(key)
    if user.username in dict(demo_logins()):
        messages.info(request, _("演示里的人点一下就登录，不用邀请。新建一个账号试试。"))
        return redirect("setup_row", "user", key)
    if "anew" in request.POST:
        invitations.lose_factors(user, login_of(request))
    secret = invitations.invite_user(user, login_of(request))
    link = absolute(reverse("invited", args=[secret]))
    context = {
        "called": str(user),
        "key": key,
        "words": _(
            "%(name)s，您好。请打开下面的链接，自己设一个密码，就能登录“%(city)s”。"
            "链接%(days)d天内有效，只能用一次，请不要转给别人。\n%(link)s"
        )
        % {"name": user, "city": text("name"), "days": invitations.VALID_FOR.days, "link": link},
        # Inline, because an image's URL with the secret would stay in logs.
        "qr": segno.make(link, error="m").svg_data_uri(border=2, scale=8, light="#fff"),
        "desk": "setup",
    }
    return render(request, "accounts/link.html", context)


@door("POST")
def revoke_invitation(request: HttpRequest, key: str) -> HttpResponse:
    """Revoke a login's open link."""
    user = _user(key)
    if invitations.withdraw_invitation(user, login_of(request)):
        messages.success(request, _("邀请链接已作废"))
    return redirect("setup_row", "user", key)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Choose a password and log in; all invalid links get the same page."""
    user = invitations.invited(secret)
    if user is None:
        # Limits guessing; a valid link may be used again after a mistyped password.
        if wait := rate_limit.too_many("find", request.META.get("REMOTE_ADDR", "")):
            problem = _("试得太多了，请 %d 秒后再试") % wait
            answer = render(request, "accounts/gone.html", {"problem": problem}, status=429)
            answer.headers["Retry-After"] = str(wait)
            return answer
        return render(request, "accounts/gone.html", status=404)
    form = SetPasswordForm(user, request.POST if request.method == "POST" else None)
    form.fields["new_password1"].label = _("密码")
    form.fields["new_password2"].label = _("再输一遍")
    if request.method == "POST" and form.is_valid():
        accepted = invitations.use_invitation(secret, form.cleaned_data["new_password1"])
        if accepted is None:
            return render(request, "accounts/gone.html", status=404)
        if is_mfa_enabled(accepted):
            # The link replaces the password, not the second factor.
            messages.success(request, _("新密码已设好。请用它和手机上的动态码登录。"))
            return redirect("account_login")
        login(request, accepted, backend=settings.AUTHENTICATION_BACKENDS[0])
        # Setting up the second factor need not ask for the password again.
        record_authentication(request, accepted, method="password", reauthenticated=True)
        return redirect("desk")
    posts = Post.objects.filter(user=user, active=True).select_related("unit")
    context: dict[str, Any] = {
        "user_called": str(user),
        "username": user.username,
        "posts": [f"{name_of(post.unit)} · {Role(post.role).label}" for post in posts],
        "form": form,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "accounts/invited.html", context, status=status)
