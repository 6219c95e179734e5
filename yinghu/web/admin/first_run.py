"""First-run guide: steps from an empty city to a first resolved appeal, read from the database."""

from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step of the guide: purpose, estimated minutes, state and links to the pages that do it."""

    name: str
    title: str
    why: str
    minutes: int
    done: bool
    now: str
    links: list[tuple[str, str]]
    optional: bool = False


SESSION_KEY = "guide"
"""Session key; while set, set-up pages link back to the guide."""


def begins(request: HttpRequest) -> bool:
    """Should this login land on the guide? Administrators do until it is done or dismissed."""
    if "setup" not in desks_of(who(request)) or SESSION_KEY in request.session:
        return False
    put_off = GuidePutOff.objects.filter(user=login_of(request)).exists()
    return not put_off and bool(_unfinished(steps()))


def _unfinished(found: Iterable[SetupStep]) -> list[SetupStep]:
    return [step for step in found if not step.done and not step.optional]


@door("POST")
def dismiss_guide(request: HttpRequest) -> HttpResponse:
    """Stop landing on the guide after login; its page remains available."""
    GuidePutOff.objects.get_or_create(user=login_of(request))
    request.session.pop(SESSION_KEY, None)
    messages.info(request, _("以后登录不再先到这里；要用时，点“第一次设置”"))
    return redirect("setup")


@door("GET")
def show_guide(request: HttpRequest) -> HttpResponse:
    """Show all steps, how many are left and how long they take."""
    request.session[SESSION_KEY] = True
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
        request.session.pop(SESSION_KEY)
    return render(request, "admin/first_run.html", context)


def steps() -> list[SetupStep]:
    """Return all steps in their current state."""
    areas = Area.objects.filter(retired_at=None).count()
    units = Unit.objects.filter(active=True)
    serving = units.exclude(kind=UnitKind.DESK).count()
    rules = RoutingRule.objects.filter(active=True).count()
    places = Place.objects.filter(active=True).count()
    texts = Text.objects.exclude(words="", words_en="").count()
    changes = Change.objects.filter(kind__in=("workday", "chase", "policy")).count()
    return [
        SetupStep(
            "areas",
            _("区域"),
            _(
                "区县、镇街、村社区的名称和代码。统计局的村表可以直接导入；先试试的话，建一个区县就够。"
            ),
            2,
            areas > 0,
            _("%d 个区域") % areas,
            [_link(_("从表格导入"), "import", "area"), _link(_("建一个"), "new", "area")],
        ),
        SetupStep(
            "units",
            _("单位"),
            _("诉求派给谁办：部门、镇街、功能组、志愿队。先建一个就能试。"),
            1,
            serving > 0,
            _("单位共 %(all)d 个，其中办事的 %(n)d 个") % {"all": units.count(), "n": serving},
            [_link(_("建一个"), "new", "unit"), _link(_("从表格导入"), "import", "unit")],
        ),
        _people(),
        _categories(),
        SetupStep(
            "rules",
            _("派单规则"),
            _("哪一类、哪个地方的诉求自动派给哪个单位。没有规则合得上的，由派单员派。"),
            1,
            rules > 0,
            _("%d 条规则") % rules,
            [_link(_("写一条"), "new", "rule"), _link(_("全部规则"), "list", "rule")],
        ),
        SetupStep(
            "places",
            _("点位和二维码"),
            _("贴在社区、市场、车站的二维码：扫了就知道在哪里。建一个点位，打印它的贴纸。"),
            1,
            places > 0,
            _("%d 个点位") % places,
            [_link(_("建一个"), "new", "place"), (_("打印贴纸"), reverse("setup_sheet"))],
        ),
        SetupStep(
            "texts",
            _("文字"),
            _("平台的名称、首页的话、紧急电话。不改也能用。"),
            1,
            texts > 0,
            _("改了 %d 处") % texts,
            [_link(_("去改文字"), "list", "text")],
            optional=True,
        ),
        SetupStep(
            "oversight",
            _("上班时间和催督"),
            _("哪几天上班、快到期和超时找谁、退几次提级。我们备了常用的，不改也能用。"),
            1,
            changes > 0,
            _("改了 %d 处") % changes,
            [
                _link(_("上班时间"), "list", "workday"),
                _link(_("催督"), "list", "chase"),
                _link(_("办理规则"), "list", "policy"),
            ],
            optional=True,
        ),
        _test(),
    ]


def _link(label: str, page: str, name: str) -> tuple[str, str]:
    """Link to the list, the import or the form for a new row of a configuration type."""
    return label, reverse(f"setup_{page}", args=[name])


def _people() -> SetupStep:
    posts = Post.objects.filter(active=True, unit__active=True, user__is_active=True)
    there = set(posts.values_list("role", flat=True))
    if Role.HEAD.value in there:
        there.add(Role.HANDLER.value)  # a head does what a handler does
    # Without one of these, an appeal gets stuck.
    needed = (Role.CLERK, Role.DISPATCHER, Role.HANDLER)
    missing = [str(role.label) for role in needed if role.value not in there]
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
            _link(_("加一个人"), "new", "user"),
            _link(_("安排岗位"), "new", "post"),
            _link(_("从表格导入"), "import", "user"),
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
        [_link(_("类别"), "list", "category"), _link(_("时限"), "list", "limit")],
    )


def _test() -> SetupStep:
    done = Appeal.objects.filter(status__in=(Status.RESOLVED, Status.CLOSED)).exists()
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
        desk = {Status.FILED: "triage", Status.SORTED: "dispatch"}.get(first.state, "inbox")
        links.append((_("去工作台接着办"), reverse(desk)))
    return SetupStep(
        "test",
        _("试一件，办到底"),
        _("像群众那样提一件，再研判、派单、接单、办结。走通了，平台就能用了。"),
        3,
        done,
        now,
        links,
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
        messages.success(request, _("现在您也是研判员、派单员和经办人；以后可以在“岗位”里停用"))
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
