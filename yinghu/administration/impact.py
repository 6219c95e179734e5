"""Effects of a configuration change elsewhere: warnings before, follow-up work after.

Not in the types themselves, because units, areas and people do not know the cases and rules that
refer to them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from yinghu.administration.routing_impact import effect
from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.states import LIMITED, OPEN
from yinghu.common.config_types.config_form import State
from yinghu.common.config_types.config_type import ConfigType, few
from yinghu.common.job_queue import queue
from yinghu.common.language import name_of
from yinghu.errands import membership
from yinghu.errands.models import Leg
from yinghu.errands.rezoning import rezone
from yinghu.oversight.clock_changes import (
    count_limited,
    count_working,
    follow_calendar,
    follow_limits,
)
from yinghu.oversight.succession import SUCCEED_TASK, estate_of, superior_of
from yinghu.oversight.sweep import recompute_spans, replan_chases
from yinghu.people.access import Actor
from yinghu.people.models import Post, Skill, Unit, User, Volunteer
from yinghu.places.models import Area, Place, Zone
from yinghu.routing.models import RoutingRule
from yinghu.routing.routing import active_rules, under

_JOBS = {"workday": recompute_spans.name, "chase": replan_chases.name, "zone": rezone.name}


def job_after(config_type: ConfigType) -> str:
    """Return the job to run after a change of a type; "" if there is none."""
    if config_type.name == "zone" and not Leg.objects.exists():
        return ""
    return _JOBS.get(config_type.name, "")


@dataclass(frozen=True, slots=True)
class RunningClocks:
    """Running clocks that a change may move: how many, and the job that moves them."""

    number: int
    job: str
    given: dict[str, Any]


def running_clocks(config_type: ConfigType, row: Any, new: State) -> RunningClocks | None:
    """Return the running clocks that a change of a limit or of the calendar concerns, if any.

    `row` is the row before the change, None for a new one; `new` are the values of its form.
    """
    before = config_type.state(row) if row is not None else {}
    changed = [name for name, value in new.items() if before.get(name) != value]
    if config_type.name == "workday":
        number, job, given = count_working() if changed else 0, follow_calendar.name, {}
    elif config_type.name == "limit":
        key = config_type.key_values(row) if row is not None else new
        kinds = [name for name in changed if name in set(LIMITED)]
        given = {"kinds": kinds, "urgency": key["urgency"], "category": key["category"]}
        number, job = count_limited(**given) if kinds else 0, follow_limits.name
    else:
        return None
    return RunningClocks(number, job, given) if number else None


def count_following(running: RunningClocks) -> int:
    """Count again, after the change."""
    is_limit = running.job == follow_limits.name
    return count_limited(**running.given) if is_limit else count_working()


@dataclass(frozen=True, slots=True)
class Concern:
    """An effect of retiring a row; `grave` if it is a reason to wait."""

    text: str
    grave: bool = False


def find_concerns(config_type: ConfigType, row: Any) -> list[Concern]:
    """Return the effects of retiring a row."""
    return _CONCERNS.get(config_type.name, lambda row: [])(row)


def _touched(n: int, text: Any, *, grave: bool = False) -> list[Concern]:
    """A concern about `n` things, if there are any; `text` is a lazy ngettext."""
    return [Concern(text % n, grave)] if n else []


def _count_open(*conditions: Q, **where: Any) -> int:
    return Appeal.objects.filter(*conditions, status__in=list(OPEN), **where).count()


def _of_area(area: Area) -> list[Concern]:
    inside = Q(area__code__startswith=area.code)
    below = Area.objects.filter(code__startswith=area.code, retired_at=None).exclude(pk=area.pk)
    return [
        *_touched(
            below.count(),
            ngettext_lazy("下面 %d 个区域也一起停用", "下面 %d 个区域也一起停用"),
            grave=True,
        ),
        *_touched(
            _count_open(inside),
            ngettext_lazy(
                "%d 件没办完的诉求在这里：它们照常办，区域名照旧显示",
                "%d 件没办完的诉求在这里：它们照常办，区域名照旧显示",
            ),
        ),
        *_touched(
            Place.objects.filter(inside, active=True).count(),
            ngettext_lazy(
                "%d 个点位在这里：贴纸照常能扫，但最好改到别的区域",
                "%d 个点位在这里：贴纸照常能扫，但最好改到别的区域",
            ),
        ),
        *_touched(
            RoutingRule.objects.filter(active=True, area__startswith=area.code).count(),
            ngettext_lazy(
                "%d 条派单规则写着它：以后不会再有诉求合上",
                "%d 条派单规则写着它：以后不会再有诉求合上",
            ),
        ),
        *_touched(
            Unit.objects.filter(inside, active=True).count(),
            ngettext_lazy(
                "%d 个单位管这里：请给它们改管辖区域", "%d 个单位管这里：请给它们改管辖区域"
            ),
        ),
        *_touched(
            Post.objects.filter(inside, active=True).count(),
            ngettext_lazy(
                "%d 个岗位只管这里：这些人以后收不到新的诉求",
                "%d 个岗位只管这里：这些人以后收不到新的诉求",
            ),
        ),
    ]


def _of_unit(unit: Unit) -> list[Concern]:
    estate, superior = estate_of(unit), superior_of(unit)
    passed_on = ngettext_lazy(
        "%d 件等它报到、协办，或和它共享的：停用以后转给上级单位，并告诉请它的单位",
        "%d 件等它报到、协办，或和它共享的：停用以后转给上级单位，并告诉请它的单位",
    )
    ended = ngettext_lazy(
        "%d 件等它报到、协办，或和它共享的：没有上级单位，停用以后就此结束，并告诉请它的单位",
        "%d 件等它报到、协办，或和它共享的：没有上级单位，停用以后就此结束，并告诉请它的单位",
    )
    return [
        *([Concern(_("上级单位：%s") % name_of(superior))] if superior and estate.demands else []),
        *_touched(
            estate.cases,
            ngettext_lazy(
                "%d 件没办完的诉求在它手里：停用以后马上提到上一级，由上一级接着办",
                "%d 件没办完的诉求在它手里：停用以后马上提到上一级，由上一级接着办",
            ),
            grave=True,
        ),
        *_touched(estate.demands, passed_on if superior else ended, grave=True),
        *_touched(
            Volunteer.objects.filter(squad=unit, state=Volunteer.State.ACTIVE).count(),
            ngettext_lazy(
                "%d 位志愿者在这个队：手上的任务放回给别人接，以后的班取消，垫的钱照样报销",
                "%d 位志愿者在这个队：手上的任务放回给别人接，以后的班取消，垫的钱照样报销",
            ),
            grave=True,
        ),
        *_touched(
            Post.objects.filter(unit=unit, active=True).count(),
            ngettext_lazy(
                "%d 个岗位在这里：这些人就没有这个岗位了，恢复单位时一起回来",
                "%d 个岗位在这里：这些人就没有这个岗位了，恢复单位时一起回来",
            ),
            grave=True,
        ),
        *_touched(
            RoutingRule.objects.filter(unit=unit, active=True).count(),
            ngettext_lazy(
                "%d 条派单规则派给它：停用期间跳过，这些诉求会落到后面的规则或派单席",
                "%d 条派单规则派给它：停用期间跳过，这些诉求会落到后面的规则或派单席",
            ),
        ),
        *_touched(
            Unit.objects.filter(parent=unit, active=True).count(),
            ngettext_lazy("%d 个单位是它的下级：它们照常工作", "%d 个单位是它的下级：它们照常工作"),
        ),
    ]


def _of_user(user: User) -> list[Concern]:
    first = Concern(_("马上就进不来了，已经登录的也会退出，邀请链接作废"))
    held = ngettext_lazy(
        "手上有 %d 件没办完的：在办的会放回单位，由别人接",
        "手上有 %d 件没办完的：在办的会放回单位，由别人接",
    )
    legs = ngettext_lazy(
        "手上有 %d 程任务：放回给别人接；已经买的东西，由单位安排去拿",
        "手上有 %d 程任务：放回给别人接；已经买的东西，由单位安排去拿",
    )
    taken = Leg.objects.filter(holder=user, state=Leg.State.TAKEN).count()
    return [
        first,
        *_touched(_count_open(holder=user), held, grave=True),
        *_touched(taken, legs, grave=True),
    ]


def _of_category(category: Category) -> list[Concern]:
    below = f"{category.code}."
    named = RoutingRule.objects.filter(active=True).values_list("category", flat=True)
    return [
        Concern(_("首页和表单上不再有这一类，研判也不能再选它")),
        *_touched(
            _count_open(category=category),
            ngettext_lazy(
                "%d 件没办完的诉求是这一类：它们照常办，类别照旧显示",
                "%d 件没办完的诉求是这一类：它们照常办，类别照旧显示",
            ),
        ),
        *_touched(
            sum(under(category.code, code) for code in named),
            ngettext_lazy(
                "%d 条派单规则写着它：以后只对已有的诉求起作用",
                "%d 条派单规则写着它：以后只对已有的诉求起作用",
            ),
        ),
        *_touched(
            Category.objects.filter(code__startswith=below, active=True).count(),
            ngettext_lazy(
                "%d 个子类不会跟着停用，要停请逐个停", "%d 个子类不会跟着停用，要停请逐个停"
            ),
        ),
    ]


def _of_place(place: Place) -> list[Concern]:
    first = _("已经贴出去的贴纸还能扫：页面会说没有认出这张贴纸，请人写明地点，照样能求助")
    cases = ngettext_lazy(
        "%d 件没办完的诉求是在这里提的：它们照常办", "%d 件没办完的诉求是在这里提的：它们照常办"
    )
    return [Concern(first), *_touched(_count_open(place=place), cases)]


_VOLUNTEERS = Volunteer.objects.exclude(state=Volunteer.State.LEFT)


def _of_skill(skill: Skill) -> list[Concern]:
    first = Concern(_("报名时不再问它；已经有它的人照旧，要它的任务也照旧"))
    having = _VOLUNTEERS.filter(skills__contains=[skill.code]).count()
    return [first, *_touched(having, ngettext_lazy("%d 位志愿者会它", "%d 位志愿者会它"))]


def _of_zone(zone: Zone) -> list[Concern]:
    first = Concern(_("马上就不再管控：谁都能进，里面的人也能接外面的任务"), grave=True)
    inside = _VOLUNTEERS.filter(inside=zone.code).count()
    said = ngettext_lazy("%d 位志愿者住在里面", "%d 位志愿者住在里面")
    return [first, *_touched(inside, said)]


def _of_rule(rule: RoutingRule) -> list[Concern]:
    before = active_rules()
    found = effect(before, [each for each in before if each.pk != rule.pk], Actor("stranger"))
    return [
        *_touched(
            len(found.elsewhere),
            ngettext_lazy(
                "像最近 %d 件这样的，以后改去别的单位", "像最近 %d 件这样的，以后改去别的单位"
            ),
        ),
        *_touched(
            len(found.left),
            ngettext_lazy(
                "像最近 %d 件这样的，以后要派单员来派", "像最近 %d 件这样的，以后要派单员来派"
            ),
            grave=True,
        ),
    ]


_CONCERNS: dict[str, Callable[[Any], list[Concern]]] = {
    "area": _of_area,
    "unit": _of_unit,
    "user": _of_user,
    "category": _of_category,
    "place": _of_place,
    "skill": _of_skill,
    "zone": _of_zone,
    "rule": _of_rule,
}


def after_retiring(config_type: ConfigType, row: Any, by: User | None) -> None:
    """Follow up after retiring a row: what a login or a unit had in hand goes to others."""
    if config_type.name == "user":
        membership.end_login(row, by)
    elif config_type.name == "post":
        membership.end_post(row, by)
    elif config_type.name == "unit":
        membership.end_unit(row, by)
        queue(SUCCEED_TASK, unit=row.pk)


def warnings(config_type: ConfigType) -> list[str]:
    """Return what a type's rows lack, for the index."""
    found = config_type.warnings()
    if config_type.name != "category":
        return found
    rules = list(RoutingRule.objects.filter(active=True, unit__active=True))
    unrouted = [
        name_of(each)
        for each in Category.objects.filter(active=True)
        if not any(
            under(rule.category, each.code) and rule.klass in ("", each.klass) for rule in rules
        )
    ]
    if unrouted:
        found = [_("没有派单规则，要派单员一件件派：%s") % few(unrouted), *found]
    return found
