"""Routing rules: the page with all of them, and what a change would do, shown before it is made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core import signing
from django.db import IntegrityError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from yinghu.administration import services
from yinghu.administration.history import Difference, changed_meanwhile
from yinghu.administration.routing_impact import effect
from yinghu.appeals.actions import RETURN
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import OPEN
from yinghu.common.config_form import State
from yinghu.common.language import name_of
from yinghu.dispatch.models import RoutingRule
from yinghu.people.access import Actor, desks_of, may_see, staffed, staffed_units
from yinghu.people.models import Unit
from yinghu.routing import explanation
from yinghu.routing.config_types import (
    RULES,
    RuleContext,
    RuleForm,
    RuleNames,
    channel_said,
    choices_of,
    klass_said,
)
from yinghu.routing.routing import active_rules, route, send_waiting, waiting
from yinghu.ui.decorators import staff
from yinghu.ui.requests import login_of, who
from yinghu.web.admin.decorators import door, row_of


@dataclass(slots=True)
class Line:
    """A rule in the list, in words, with what is wrong with it."""

    rule: RoutingRule
    sentence: str
    warnings: list[str] = field(default_factory=list)


def _with(rules: Iterable[RoutingRule], changed: RoutingRule) -> list[RoutingRule]:
    """The rules in force with one of them changed, added, or out of use."""
    found = [rule for rule in rules if rule.pk != changed.pk]
    if changed.active and changed.unit.active:
        found.append(changed)
    return sorted(found, key=lambda rule: rule.order)


def lines_of(rules: Sequence[RoutingRule], names: RuleNames) -> list[Line]:
    """Rules in words, each with what is wrong with it."""
    hidden = explanation.shadowed([rule for rule in rules if rule.active and rule.unit.active])
    served = staffed()
    found = []
    for rule in rules:
        line = Line(rule, names.sentence(rule))
        if rule.active:
            line.warnings = _wrong(rule, names, hidden.get(rule.pk), served)
        found.append(line)
    return found


def _wrong(
    rule: RoutingRule, names: RuleNames, hidden: RoutingRule | None, served: Collection[int]
) -> list[str]:
    found = []
    if not rule.unit.active:
        found.append(_("“%s”已停用，这条规则不起作用") % name_of(rule.unit))
    elif rule.unit_id not in served:
        said = _("“%s”还没有能接单的人：派过去的没有人接。请先给它安排经办人")
        found.append(said % name_of(rule.unit))
    category = names.categories.get(rule.category)
    if rule.category and (category is None or not category.active):
        found.append(_("类别“%s”已停用，以后不会再有诉求合上") % names.category(rule.category))
    if hidden is not None:
        found.append(_("永远轮不到：前面的规则 %d 已全包了") % hidden.order)
    return found


@never_cache
@require_GET
@staff("setup", "dispatch")
def listing(request: HttpRequest) -> HttpResponse:
    """All rules in order, in sentences; dispatchers read them."""
    names = RuleNames()
    rules = list(RULES.rows())
    desks = desks_of(who(request))
    active = [rule for rule in rules if rule.active]
    force = [rule for rule in active if rule.unit.active]
    ready = [each for each in waiting() if route(each, force)]
    context = {
        "kind": RULES,
        "lines": lines_of(active, names),
        "retired": lines_of([rule for rule in rules if not rule.active], names),
        "may_edit": "setup" in desks,
        "may_send": "dispatch" in desks,
        "ready": len([each for each in ready if may_see(who(request), each)]),
        "desk": "setup" if "setup" in desks else "dispatch",
    }
    return render(request, "admin/routing_rules.html", context)


@door("GET", "POST")
def rule_new(request: HttpRequest) -> HttpResponse:
    """A new rule."""
    if request.method == "GET":
        given = {name: request.GET.get(name, "").replace("\x00", "")[:80] for name in _GIVEN}
        context = RuleContext(RULES)
        form = RuleForm(context, initial={"order": context.next_order} | given)
        return _page(request, form)
    try:
        with services.exclusive():
            form = _form(data=request.POST)
            if not form.is_valid():
                return _page(request, form, status=422)
            made = services.create(RULES, login_of(request), form.cleaned_data)
    except IntegrityError:
        return _page(request, form, status=409, problem=_("刚刚有人用了这个号，请换一个"))
    messages.success(request, _("规则 %d 已建好，马上生效；已经派出去的不动") % made.order)
    return redirect("rules")


_GIVEN = ("category", "area", "klass", "channel", "field", "value")


@door("GET", "POST")
def rule(request: HttpRequest, key: str) -> HttpResponse:
    """One rule, to look at and to change."""
    thing = row_of(RULES, key)
    if request.method == "GET":
        form = _form(key, initial=_cells(thing))
        return _page(request, form, thing)
    with services.exclusive():
        thing = row_of(RULES, key)
        form = _form(key, request.POST)
        if not form.is_valid():
            return _page(request, form, thing, status=422)
        now = RULES.state(thing)
        seen = _seen(request, key)
        if seen != now:
            others = changed_meanwhile(RULES, key, seen, now)
            return _page(request, form, thing, status=409, others=others, stale=True)
        done = services.update(RULES, login_of(request), thing, form.cleaned_data)
    said = _("已保存，马上生效；已经派出去的不动") if done else _("没有改动")
    messages.success(request, said)
    return redirect("rules")


@door("POST")
def rule_preview(request: HttpRequest, key: str) -> HttpResponse:
    """What a rule as typed would change; nothing is saved."""
    thing = None if key == "-" else row_of(RULES, key)
    form = _form("" if thing is None else key, request.POST)
    if not form.is_valid():
        return _page(request, form, thing, status=422)
    changed = RoutingRule(pk=thing.pk if thing else 0, active=thing.active if thing else True)
    for name, value in RULES.attributes(form.cleaned_data).items():
        setattr(changed, name, value)
    before = active_rules()
    after = _with(before, changed)
    found = effect(before, after, who(request))
    names = RuleNames()
    earlier, later = explanation.shadowed(before), explanation.shadowed(after)
    found.warnings = _wrong(changed, names, later.get(changed.pk), staffed())
    found.warnings += [
        _("规则 %d 以后轮不到了：这一条把它全包了") % each.order
        for each in after
        if each.pk != changed.pk and each.pk in later and each.pk not in earlier
    ]
    sentence = names.sentence(changed)
    return _page(request, form, thing, effect=found, sentence=sentence, to=name_of(changed.unit))


def _form(key: str = "", data: Any = None, initial: Any = None) -> RuleForm:
    return RuleForm(RuleContext(RULES), key, data, initial)


def _cells(thing: RoutingRule) -> dict[str, str]:
    """A rule as a form shows it first."""
    return RULES.cells(thing) | {"value": RuleNames().answer(thing)}


def _seen(request: HttpRequest, key: str) -> State:
    """The values that the form was made from; {} where it does not say, or not truly."""
    try:
        found: State = signing.loads(request.POST.get("seen", ""), salt=f"rule:{key}")
    except signing.BadSignature:
        return {}
    return found


def _page(
    request: HttpRequest,
    form: RuleForm,
    thing: RoutingRule | None = None,
    *,
    status: int = 200,
    others: list[Difference] | None = None,
    stale: bool = False,
    **more: Any,
) -> HttpResponse:
    """The form of a rule as a page."""
    key = RULES.key(thing) if thing else ""
    state = RULES.state(thing) if thing else {}
    seen = signing.dumps(state, salt=f"rule:{key}", compress=True)
    if request.method == "POST" and not stale:
        # A preview in between must not hide what others did since the form was made.
        seen = request.POST.get("seen", seen)
    context = {
        "kind": RULES,
        "form": form,
        "fields": [(bound, RULES.field(bound.name).hint) for bound in form],
        "answers": form.answers(),
        "thing": thing,
        "key": key,
        "called": RULES.label(thing) if thing else "",
        "active": state.get("active", True),
        "seen": seen,
        "others": others or [],
        "stale": stale,
        "desk": "setup",
        **more,
    }
    return render(request, "admin/routing_rule.html", context, status=status)


@door("POST")
def rule_move(request: HttpRequest, key: str) -> HttpResponse:
    """One place up or down among the rules in force, unless somebody else was faster."""
    user = login_of(request)
    up = request.POST.get("way") == "up"
    with services.exclusive():
        row_of(RULES, key)
        rules = list(RULES.rows())
        locked = RoutingRule.objects.select_for_update().order_by("pk")
        list(locked.filter(pk__in=[each.pk for each in rules]))
        active = [each for each in rules if each.active]
        at = next((n for n, each in enumerate(active) if each.pk == int(key)), None)
        if at is None:
            raise Http404
        if request.POST.get("order") != str(active[at].order):
            messages.error(request, _("刚刚有人移动过，没有再移；请看现在的顺序"))
            return redirect("rules")
        other = at - 1 if up else at + 1
        if 0 <= other < len(active):
            before = active_rules()
            free = max(each.order for each in rules) + 1
            services.exchange(RULES, user, active[at], active[other], name="order", free=free)
            found = effect(before, active_rules(), who(request))
            said = _("已移动，马上生效；已经派出去的不动")
            if n := len(found.elsewhere):
                text = ngettext(
                    "像最近 %d 件这样的，以后改去别的单位",
                    "像最近 %d 件这样的，以后改去别的单位",
                    n,
                )
                said = _("%(first)s。%(second)s") % {"first": said, "second": text % n}
            messages.success(request, said)
    return redirect("rules")


@never_cache
@require_POST
@staff("dispatch")
def rule_send(request: HttpRequest) -> HttpResponse:
    """Send what waits at the dispatch desk by the rules; what was returned stays for a person."""
    sent = send_waiting(who(request))
    said = ngettext("按规则派出了 %d 件", "按规则派出了 %d 件", sent) % sent
    (messages.success if sent else messages.info)(request, said)
    return redirect("rules")


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that was tried, in words: what was missing first, or that it takes the case."""

    rule: RoutingRule
    sentence: str
    why: str
    near: bool
    fits: bool
    warnings: tuple[str, ...] = ()


def told(appeal: Any, tried: Iterable[explanation.Tried], names: RuleNames) -> list[Miss]:
    """What each rule made of an appeal, in words."""
    return [
        Miss(
            each.rule,
            names.sentence(each.rule),
            _missing(appeal, each, names) if each.first else "",
            each.near,
            each.fits,
        )
        for each in tried
    ]


def _missing(appeal: Any, tried: explanation.Tried, names: RuleNames) -> str:
    """The first condition that fails, in words: what is there instead, or that nothing is."""
    rule = tried.rule
    if tried.first == "category":
        what, is_there = _("类别"), names.category(appeal.category_id or "")
    elif tried.first == "klass":
        what, is_there = _("性质"), klass_said(appeal.klass)
    elif tried.first == "area":
        what, is_there = _("地点"), names.area(appeal.area_id or "")
    elif tried.first == "channel":
        what, is_there = _("来源"), channel_said(appeal.channel)
    else:
        answer = appeal.answers.get(rule.field, "")
        what, is_there = names.question(rule), names.answer(rule, str(answer))
    wanted = names.answer(rule) if tried.first == "field" else ""
    if not is_there:
        return _("“%s”没有填") % what
    if wanted:
        said = {"what": what, "is": is_there, "wanted": wanted}
        return _("“%(what)s”是 %(is)s，不是 %(wanted)s") % said
    return _("%(what)s是 %(is)s") % {"what": what, "is": is_there}


NEAREST = 3
"""Rules that came near, shown at the dispatch desk."""

BUSY_SHOWN = 200
"""Units whose open cases are shown beside a case at the dispatch desk."""

BUSY_COUNTED = 1000
"""Open cases of a unit that are counted; beyond that the exact number helps nobody."""


def dispatch_context(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """Why no rule has taken a sorted case, who returned it, and how busy the units are."""
    names = RuleNames()
    tried = explanation.trail(appeal, active_rules())
    takes = tried[-1] if tried and tried[-1].fits else None
    near = [each for each in explanation.nearest(tried) if explanation.concerns(each)]
    returns = list(
        Event.objects.filter(appeal=appeal, verb=RETURN.name)
        .select_related("user")
        .order_by("-seq")
    )
    returned = [_returned(appeal, event) for event in returns]
    returned_by = {each["unit"] for each in returned}
    return {
        "unrouted": True,
        "takes": takes,
        "takes_said": names.sentence(takes.rule) if takes else "",
        "misses": told(appeal, near[:NEAREST], names),
        "no_rules": not tried,
        "returned_it": takes is not None and takes.rule.unit in returned_by,
        "takes_why": _("规则 %d") % takes.rule.order if takes else "",
        "returns": returned,
        "busy": _busy(),
        "new_rule": _prefilled(appeal) if "setup" in desks_of(actor) else "",
    }


def _returned(appeal: Appeal, event: Event) -> dict[str, Any]:
    """Which unit (None where it is not known) returned a case, who there, when and why."""
    before = Event.objects.filter(appeal=appeal, seq__lt=event.seq, unit__isnull=False)
    last = before.select_related("unit").order_by("-seq").first()
    return {
        "unit": last.unit if last is not None else None,
        "who": str(event.user) if event.user else "",
        "why": event.why or event.words,
        "at": event.at,
    }


def _prefilled(appeal: Appeal) -> str:
    """The address of a new rule that would take a case like this one."""
    given = {"category": appeal.category_id or "", "area": appeal.area_id or ""}
    for question in appeal.category.questions if appeal.category else ():
        answer = appeal.answers.get(question["key"])
        if question["kind"] in ("choice", "bool") and answer not in (None, ""):
            shown = dict(choices_of(question)).get(str(answer), "")
            given |= {"field": question["key"], "value": shown}
            break
    return f"{reverse('rule_new')}?{urlencode({k: v for k, v in given.items() if v})}"


def _busy() -> list[tuple[Unit, int, bool]]:
    """(unit, its open cases, whether there are more than were counted), the least busy first; of
    those that have people.
    """
    units = {unit.pk: unit for unit in staffed_units()}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.id, c.n FROM people_unit u CROSS JOIN LATERAL (SELECT count(*) AS n FROM ("
            "SELECT 1 FROM appeals_appeal a WHERE a.unit_id = u.id AND a.status = ANY(%s)"
            " LIMIT %s) counted) c WHERE u.id = ANY(%s) ORDER BY c.n, u.id LIMIT %s",
            [[status.value for status in OPEN], BUSY_COUNTED, list(units), BUSY_SHOWN],
        )
        rows = cursor.fetchall()
    return [(units[pk], n, n == BUSY_COUNTED) for pk, n in rows]
