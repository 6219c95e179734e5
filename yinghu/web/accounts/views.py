"""Login views of the demo's one-click logins; allauth handles passwords and second factors."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from yinghu.demo import time_travel
from yinghu.demo.cast import demo_logins
from yinghu.people.models import User
from yinghu.ui.decorators import staff
from yinghu.ui.navigation import home_of
from yinghu.ui.requests import who
from yinghu.web.admin import first_run


@require_POST
def demo_login(request: HttpRequest) -> HttpResponse:
    """Log in as one of the demo's cast; never for a login with a password."""
    name = request.POST.get("username", "")
    if name not in dict(demo_logins()):
        raise Http404
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None or user.has_usable_password():
        raise Http404
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect("desk")


@require_POST
@staff()
def demo_pass_time(request: HttpRequest) -> HttpResponse:
    """Let time pass for every case of the demo; the worker processes the deadlines."""
    hours = time_travel.CHOICES.get(request.POST.get("hours", ""))
    if not settings.DEMO or hours is None:
        raise Http404
    time_travel.pass_time(hours)
    messages.success(request, _("过了 %d 小时；该催的、该提级的，十几秒内就到") % hours)
    return redirect("own" if request.POST.get("back") == "own" else "oversight")


@require_GET
def login_page(request: HttpRequest) -> HttpResponse:
    """Redirect the short address to the login page."""
    return redirect("account_login")


@require_GET
@staff()
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the login's home page."""
    if first_run.begins(request):
        return redirect("guide")
    return redirect(home_of(who(request)))
