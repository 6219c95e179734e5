"""Set-up pages for routing rules: list, form with preview of its effect, order, and mismatches."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core import signing
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.administration import services
from yinghu.administration.history import Difference, changed_meanwhile
from yinghu.administration.routing_impact import effect
from yinghu.appeals.actions import RETURN
from yinghu.appeals.models import Appeal, Event
from yinghu.common.language import name_of
from yinghu.insight.standing import open_by_unit
from yinghu.people.access import Actor, desks_of, may_see, staffed, staffed_units
from yinghu.people.models import Unit
from yinghu.routing import explanation
from yinghu.routing.config_types import (
    RULES,
    RuleContext,
    RuleForm,
    RuleNames,
    choices_of,
    class_label,
    translated_channel,
)
from yinghu.routing.models import RoutingRule
from yinghu.routing.routing import active_rules, cases_to_dispatch, route, send_waiting
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.requests import login_of, who
from yinghu.web.admin.decorators import door, get_row, read_seen_state, row_context


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in a list: its sentence, its warnings, or why it does not fit the case it met."""

    rule: RoutingRule
    sentence: str
    warnings: Sequence[str] = ()
    why_not: str = ""
    near: bool = False


def _warnings_for(
    rule: RoutingRule, names: RuleNames, hidden: RoutingRule | None, served: Collection[int]
) -> list[str]:
    found = []
    if not rule.unit.active:
        found.append(_("“%s”已停用，这条规则不起作用") % name_of(rule.unit))
    elif rule.unit_id not in served:
        text = _("“%s”还没有能接单的人：派过去的没有人接。请先给它安排经办人")
        found.append(text % name_of(rule.unit))
    category = names.categories.get(rule.category)
    if rule.category and (category is None or not category.active):
        found.append(_("类别“%s”已停用，以后不会再有诉求合上") % names.category(rule.category))
    if hidden is not None:
        found.append(_("永远轮不到：前面的规则 %d 已全包了") % hidden.order)
    return found


@staff_page("setup", "dispatch")
def list_rules(request: HttpRequest) -> HttpResponse:
    """List all rules in order, as sentences; dispatchers may read them."""
    names = RuleNames()
    rules, actor = list(RULES.rows()), who(request)
    desks = desks_of(actor)
    force = [rule for rule in rules if rule.active and rule.unit.active]
    hidden, served = explanation.shadowed(force), staffed()
    context = {
        "kind": RULES,
        "lines": [
            RuleLine(
                rule, names.sentence(rule), _warnings_for(rule, names, hidden.get(rule.pk), served)
            )
            for rule in rules
            if rule.active
        ],
        "retired": [RuleLine(rule, names.sentence(rule)) for rule in rules if not rule.active],
        "may_edit": "setup" in desks,
        "may_send": "dispatch" in desks,
        "ready": sum(
            bool(route(each, force)) and may_see(actor, each) for each in cases_to_dispatch()
        ),
        "desk": "setup" if "setup" in desks else "dispatch",
    }
    return render(request, "admin/routing_rules.html", context)


@door("GET", "POST")
def create_rule(request: HttpRequest) -> HttpResponse:
    """Create a rule."""
    if request.method == "GET":
        prefillable = ("category", "area", "klass", "channel", "field", "value")
        given = {name: request.GET.get(name, "").replace("\x00", "")[:80] for name in prefillable}
        context = RuleContext(RULES)
        form = RuleForm(context, initial={"order": context.next_order} | given)
        return _render_form(request, form)
    try:
        with services.exclusive():
            form = RuleForm(RuleContext(RULES), data=request.POST)
            if not form.is_valid():
                return _render_form(request, form, status=422)
            made = services.create(RULES, login_of(request), form.cleaned_data)
    except IntegrityError:
        return _render_form(request, form, status=409, problem=_("刚刚有人用了这个号，请换一个"))
    messages.success(request, _("规则 %d 已建好，马上生效；已经派出去的不动") % made.order)
    return redirect("rules")


@door("GET", "POST")
def edit_rule(request: HttpRequest, key: str) -> HttpResponse:
    """Show and edit one rule."""
    thing = get_row(RULES, key)
    if request.method == "GET":
        cells = RULES.cells(thing) | {"value": RuleNames().answer(thing)}
        form = RuleForm(RuleContext(RULES), key, initial=cells)
        return _render_form(request, form, thing)
    with services.exclusive():
        thing = get_row(RULES, key)
        form = RuleForm(RuleContext(RULES), key, request.POST)
        if not form.is_valid():
            return _render_form(request, form, thing, status=422)
        now = RULES.state(thing)
        seen = read_seen_state(request, RULES, key)
        if seen != now:
            others = changed_meanwhile(RULES, key, seen, now)
            return _render_form(request, form, thing, status=409, others=others)
        done = services.update(RULES, login_of(request), thing, form.cleaned_data)
    said = _("已保存，马上生效；已经派出去的不动") if done else _("没有改动")
    messages.success(request, said)
    return redirect("rules")


@door("POST")
def preview_rule(request: HttpRequest, key: str) -> HttpResponse:
    """Preview what the rule as typed would change; nothing is saved."""
    thing = None if key == "-" else get_row(RULES, key)
    form = RuleForm(RuleContext(RULES), "" if thing is None else key, request.POST)
    if not form.is_valid():
        return _render_form(request, form, thing, status=422)
    changed = RULES.new(form.cleaned_data)
    changed.pk, changed.active = (thing.pk, thing.active) if thing else (0, True)
    before = active_rules()
    after = [rule for rule in before if rule.pk != changed.pk]
    if changed.active and changed.unit.active:
        after = sorted([*after, changed], key=lambda rule: rule.order)
    found = effect(before, after, who(request))
    names = RuleNames()
    earlier, later = explanation.shadowed(before), explanation.shadowed(after)
    found.warnings = _warnings_for(changed, names, later.get(changed.pk), staffed())
    found.warnings += [
        _("规则 %d 以后轮不到了：这一条把它全包了") % each.order
        for each in after
        if each.pk != changed.pk and each.pk in later and each.pk not in earlier
    ]
    line = RuleLine(changed, names.sentence(changed))
    return _render_form(request, form, thing, effect=found, line=line)


def _render_form(
    request: HttpRequest,
    form: RuleForm,
    thing: RoutingRule | None = None,
    *,
    status: int = 200,
    others: list[Difference] | None = None,
    **more: Any,
) -> HttpResponse:
    context = row_context(RULES, thing)
    state = RULES.state(thing) if thing else {}
    seen = signing.dumps(state, salt=f"rule:{context['key']}", compress=True)
    if request.method == "POST" and others is None:
        # A preview must not hide changes that others made since the form was opened.
        seen = request.POST.get("seen", seen)
    context |= {
        "form": form,
        "fields": [(bound, RULES.field(bound.name).hint) for bound in form],
        "answers": form.answers(),
        "seen": seen,
        "others": others,
        "stale": others is not None,
        **more,
    }
    return render(request, "admin/routing_rule.html", context, status=status)


@door("POST")
def move_rule(request: HttpRequest, key: str) -> HttpResponse:
    """Move a rule up or down among the active ones, unless its order has changed meanwhile."""
    user = login_of(request)
    up = request.POST.get("way") == "up"
    with services.exclusive():
        get_row(RULES, key)
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
            message = _("已移动，马上生效；已经派出去的不动")
            if n := len(found.elsewhere):
                text = ngettext(
                    "像最近 %d 件这样的，以后改去别的单位",
                    "像最近 %d 件这样的，以后改去别的单位",
                    n,
                )
                message = _("%(first)s。%(second)s") % {"first": message, "second": text % n}
            messages.success(request, message)
    return redirect("rules")


@staff_action("dispatch")
def send_by_rules(request: HttpRequest) -> HttpResponse:
    """Dispatch waiting cases by the rules; returned ones are left to a dispatcher."""
    sent = send_waiting(who(request))
    text = ngettext("按规则派出了 %d 件", "按规则派出了 %d 件", sent) % sent
    (messages.success if sent else messages.info)(request, text)
    return redirect("rules")


def describe_trials(
    appeal: Any, tried: Iterable[explanation.Tried], names: RuleNames
) -> list[RuleLine]:
    """Describe each tried rule, and why it does not fit the appeal."""
    return [
        RuleLine(
            each.rule,
            names.sentence(each.rule),
            why_not=_describe_mismatch(appeal, each, names),
            near=each.near,
        )
        for each in tried
    ]


def _describe_mismatch(appeal: Any, tried: explanation.Tried, names: RuleNames) -> str:
    """Describe the first failing condition and the appeal's actual value; "" if all hold."""
    rule = tried.rule
    match tried.first:
        case "":
            return ""
        case "category":
            is_there = names.category(appeal.category_id or "")
        case "klass":
            is_there = class_label(appeal.klass)
        case "area":
            is_there = names.area(appeal.area_id or "")
        case "channel":
            is_there = translated_channel(appeal.channel)
        case _field:
            is_there = names.answer(rule, str(appeal.answers.get(rule.field, "")))
            values = {"what": names.question(rule), "is": is_there, "wanted": names.answer(rule)}
            if is_there:
                return _("“%(what)s”是 %(is)s，不是 %(wanted)s") % values
            return _("“%s”没有填") % values["what"]
    what = RULES.label_of(tried.first)
    if not is_there:
        return _("“%s”没有填") % what
    return _("%(what)s是 %(is)s") % {"what": what, "is": is_there}


def dispatch_context(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """Context of the dispatch desk: nearest rules, earlier returns and workload of the units."""
    names = RuleNames()
    tried = explanation.trail(appeal, active_rules())
    takes = tried[-1] if tried and tried[-1].fits else None
    near = [each for each in explanation.closest_rules(tried) if explanation.concerns(each)]
    returns = Event.objects.filter(appeal=appeal, verb=RETURN.name).select_related("user")
    returned = [_describe_return(appeal, event) for event in returns.order_by("-seq")]
    return {
        "unrouted": True,
        "takes": takes,
        "takes_said": names.sentence(takes.rule) if takes else "",
        "misses": describe_trials(appeal, near[:3], names),
        "no_rules": not tried,
        "returned_it": takes is not None and takes.rule.unit in [each["unit"] for each in returned],
        "takes_why": _("规则 %d") % takes.rule.order if takes else "",
        "returns": returned,
        "busy": _workloads(),
        "new_rule": _new_rule_url(appeal) if "setup" in desks_of(actor) else "",
    }


def _describe_return(appeal: Appeal, event: Event) -> dict[str, Any]:
    """Who returned the case, when and why; `unit` is None if unknown."""
    before = Event.objects.filter(appeal=appeal, seq__lt=event.seq, unit__isnull=False)
    last = before.select_related("unit").order_by("-seq").first()
    return {
        "unit": last.unit if last is not None else None,
        "who": str(event.user) if event.user else "",
        "why": event.why or event.words,
        "at": event.at,
    }


def _new_rule_url(appeal: Appeal) -> str:
    """URL of the form for a new rule, prefilled to fit cases like this one."""
    given = {"category": appeal.category_id or "", "area": appeal.area_id or ""}
    for question in appeal.category.questions if appeal.category else ():
        answer = appeal.answers.get(question["key"])
        if question["kind"] in ("choice", "bool") and answer not in (None, ""):
            shown = dict(choices_of(question)).get(str(answer), "")
            given |= {"field": question["key"], "value": shown}
            break
    return f"{reverse('rule_new')}?{urlencode({k: v for k, v in given.items() if v})}"


def _workloads() -> list[tuple[Unit, int]]:
    """Return the 200 least busy staffed units with the number of their open cases."""
    busy = open_by_unit()
    units = sorted(staffed_units(), key=lambda unit: (busy.get(unit.pk, 0), unit.pk))
    return [(unit, busy.get(unit.pk, 0)) for unit in units[:200]]
