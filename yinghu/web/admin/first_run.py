"""First-run guide: steps from an empty city to a first resolved appeal, read from the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu import demo
from yinghu.administration import services, tables
from yinghu.administration.registry import TYPES
from yinghu.appeals.config_types.limits import LIMITS
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal, Category, Text
from yinghu.appeals.states import Status
from yinghu.people.access import desks_of
from yinghu.people.config_types.users import POSTS, USERS
from yinghu.people.models import Change, Post, Role, Unit, UnitKind, User
from yinghu.places.models import Area, Place
from yinghu.routing.models import RoutingRule
from yinghu.ui.requests import login_of, who
from yinghu.web.admin.decorators import door
from yinghu.web.models import GuidePutOff

NEEDED = (Role.CLERK, Role.DISPATCHER, Role.HANDLER)
"""Roles without which an appeal gets stuck."""

_FINISHED = (Status.RESOLVED, Status.CLOSED)


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step of the guide: purpose, estimated minutes, state and links to the pages that do it."""

    name: str
    title: str
    why: str
    minutes: int
    done: bool
    now: str
    links: list[tuple[str, str]] = field(default_factory=list)
    optional: bool = False


_SESSION_KEY = "guide"
"""Session key; while set, set-up pages link back to the guide."""


def begins(request: HttpRequest) -> bool:
    """Should this login land on the guide? Administrators do until all steps are done, they have
    opened it in this session or have dismissed it.
    """
    if "setup" not in desks_of(who(request)) or _SESSION_KEY in request.session:
        return False
    put_off = GuidePutOff.objects.filter(user=login_of(request)).exists()
    return not put_off and bool(_unfinished(steps()))


def offer_way_back(request: HttpRequest) -> None:
    """Link set-up pages back to the guide for an administrator who has not opened it yet."""
    if begins(request):
        request.session[_SESSION_KEY] = True


def _unfinished(found: Iterable[SetupStep]) -> list[SetupStep]:
    return [step for step in found if not step.done and not step.optional]


@door("POST")
def dismiss_guide(request: HttpRequest) -> HttpResponse:
    """Stop landing on the guide after login; its page remains available."""
    GuidePutOff.objects.get_or_create(user=login_of(request))
    request.session.pop(_SESSION_KEY, None)
    messages.info(request, _("以后登录不再先到这里；要用时，点“第一次设置”"))
    return redirect("setup")


@door("GET")
def show_guide(request: HttpRequest) -> HttpResponse:
    """Show all steps, how many are left and how long they take."""
    request.session[_SESSION_KEY] = True
    found = steps()
    left = _unfinished(found)
    context = {
        "steps": found,
        "left": len(left),
        "minutes": sum(step.minutes for step in left),
        "next": left[0].name if left else "",
        "alone": _missing_posts(login_of(request)) if Unit.objects.exists() else [],
        "desk": "setup",
    }
    if not left:
        request.session.pop(_SESSION_KEY)
    return render(request, "admin/first_run.html", context)


def steps() -> list[SetupStep]:
    """Return all steps in their current state."""
    return [make() for make in _STEP_FUNCTIONS]


def _list(name: str) -> str:
    return reverse("setup_list", args=[name])


def _import(name: str) -> str:
    return reverse("setup_import", args=[name])


def _new(name: str) -> str:
    return reverse("setup_new", args=[name])


def _areas() -> SetupStep:
    n = Area.objects.filter(retired_at=None).count()
    return SetupStep(
        "areas",
        _("区域"),
        _("区县、镇街、村社区的名称和代码。统计局的村表可以直接导入；先试试的话，建一个区县就够。"),
        2,
        n > 0,
        _("%d 个区域") % n,
        [(_("从表格导入"), _import("area")), (_("建一个"), _new("area"))],
    )


def _units() -> SetupStep:
    every = Unit.objects.filter(active=True)
    n = every.exclude(kind=UnitKind.DESK).count()
    values = {"all": every.count(), "n": n}
    return SetupStep(
        "units",
        _("单位"),
        _("诉求派给谁办：部门、镇街、功能组、志愿队。先建一个就能试。"),
        1,
        n > 0,
        _("单位共 %(all)d 个，其中办事的 %(n)d 个") % values,
        [(_("建一个"), _new("unit")), (_("从表格导入"), _import("unit"))],
    )


def _people() -> SetupStep:
    posts = Post.objects.filter(active=True, unit__active=True, user__is_active=True)
    there = set(posts.values_list("role", flat=True))
    # A head does what a handler does.
    there |= {Role.HANDLER.value} if Role.HEAD.value in there else set()
    missing = [str(role.label) for role in NEEDED if role.value not in there]
    n = posts.values("user").distinct().count()
    now = _("账号共 %(all)d 个，其中有岗位的 %(n)d 个") % {"all": USERS.count(), "n": n}
    if missing:
        now += _("；还缺：%s") % _("、").join(missing)
    return SetupStep(
        "people",
        _("人员"),
        _("至少要有人研判、有人派单、单位里有人办。建好账号，把邀请链接发给本人，由他自己设密码。"),
        2,
        not missing,
        now,
        [
            (_("加一个人"), _new("user")),
            (_("安排岗位"), _new("post")),
            (_("从表格导入"), _import("user")),
        ],
    )


def _categories() -> SetupStep:
    n = Category.objects.filter(active=True).count()
    limits, lacking = LIMITS.count(), LIMITS.warnings()
    now = _("%(n)d 个类别，%(limits)d 条时限") % {"n": n, "limits": limits}
    for text in lacking if n and limits else []:
        now = _("%(now)s；%(why)s") % {"now": now, "why": text}
    return SetupStep(
        "categories",
        _("类别和时限"),
        _("群众从哪些类别里选、每一类问什么、多久要办好。我们备了一套常用的，用了再改。"),
        1,
        n > 0 and limits > 0 and not lacking,
        now,
        [(_("类别"), _list("category")), (_("时限"), _list("limit"))],
    )


def _rules() -> SetupStep:
    n = RoutingRule.objects.filter(active=True).count()
    return SetupStep(
        "rules",
        _("派单规则"),
        _("哪一类、哪个地方的诉求自动派给哪个单位。没有规则合得上的，由派单员派。"),
        1,
        n > 0,
        _("%d 条规则") % n,
        [(_("写一条"), _new("rule")), (_("全部规则"), _list("rule"))],
    )


def _places() -> SetupStep:
    n = Place.objects.filter(active=True).count()
    return SetupStep(
        "places",
        _("点位和二维码"),
        _("贴在社区、市场、车站的二维码：扫了就知道在哪里。建一个点位，打印它的贴纸。"),
        1,
        n > 0,
        _("%d 个点位") % n,
        [(_("建一个"), _new("place")), (_("打印贴纸"), reverse("setup_sheet"))],
    )


def _texts() -> SetupStep:
    n = Text.objects.exclude(words="", words_en="").count()
    return SetupStep(
        "texts",
        _("文字"),
        _("平台的名称、首页的话、紧急电话。不改也能用。"),
        1,
        n > 0,
        _("改了 %d 处") % n,
        [(_("去改文字"), _list("text"))],
        optional=True,
    )


def _oversight() -> SetupStep:
    n = Change.objects.filter(kind__in=("workday", "chase", "policy")).count()
    return SetupStep(
        "oversight",
        _("上班时间和催督"),
        _("哪几天上班、快到期和超时找谁、退几次提级。我们备了常用的，不改也能用。"),
        1,
        n > 0,
        _("改了 %d 处") % n,
        [
            (_("上班时间"), _list("workday")),
            (_("催督"), _list("chase")),
            (_("办理规则"), _list("policy")),
        ],
        optional=True,
    )


def _test() -> SetupStep:
    done = Appeal.objects.filter(status__in=_FINISHED).exists()
    first = None if done else Appeal.objects.order_by("-id").only("id", "status").first()
    if done:
        now = _("已经有办结的诉求")
    elif first is not None:
        values = {"number": first.number, "status": status_label(first.state)}
        now = _("%(number)s 现在是“%(status)s”") % values
    else:
        now = _("还没有诉求")
    links = [(_("提一件试试"), reverse("file"))]
    if first is not None:
        links.append((_("去工作台接着办"), _desk_of(first.state)))
    return SetupStep(
        "test",
        _("试一件，办到底"),
        _("像群众那样提一件，再研判、派单、接单、办结。走通了，平台就能用了。"),
        3,
        done,
        now,
        links,
    )


_DESKS = {Status.FILED: "triage", Status.SORTED: "dispatch"}


def _desk_of(status: Status) -> str:
    return reverse(_DESKS.get(status, "inbox"))


_STEP_FUNCTIONS: tuple[Callable[[], SetupStep], ...] = (
    _areas,
    _units,
    _people,
    _categories,
    _rules,
    _places,
    _texts,
    _oversight,
    _test,
)


def _missing_posts(user: User) -> list[dict[str, str]]:
    """Posts that the user lacks to process an appeal alone, as form values of `POSTS`."""
    desk = Unit.objects.filter(active=True, kind=UnitKind.DESK).order_by("pk").first()
    unit = Unit.objects.filter(active=True).exclude(kind=UnitKind.DESK).order_by("pk").first()
    if desk is None or unit is None:
        return []
    held = set(Post.objects.filter(user=user, active=True).values_list("role", flat=True))
    wanted = ((Role.CLERK, desk), (Role.DISPATCHER, desk), (Role.HANDLER, unit))
    return [
        {"user": user.username, "unit": where.code, "role": role.value, "area": ""}
        for role, where in wanted
        if role.value not in held
    ]


@door("POST")
def take_all_posts(request: HttpRequest) -> HttpResponse:
    """Give the administrator all posts of the loop, to try it alone."""
    user = login_of(request)
    with services.exclusive():
        wanted = _missing_posts(user)
        for values in wanted:
            old = POSTS.find(":".join(values.values()))
            if old is None:
                services.create(POSTS, user, values)
            else:
                services.update(POSTS, user, old, {"active": True})
    if wanted:
        text = _("现在您也是研判员、派单员和经办人；以后可以在“岗位”里停用")
        messages.success(request, text)
    return redirect("guide")


@door("POST")
def add_starter_rows(request: HttpRequest) -> HttpResponse:
    """Add common categories, limits and replies; existing rows stay unchanged."""
    made = sum(
        len(tables.import_new(TYPES[name], login_of(request), rows).acts)
        for name, rows in demo.starter_rows().items()
    )
    if made:
        text = ngettext(
            "已放好 %d 项，都可以改、可以停用", "已放好 %d 项，都可以改、可以停用", made
        )
        messages.success(request, text % made)
    else:
        messages.info(request, _("都已经有了，没有改动"))
    return redirect("guide")
