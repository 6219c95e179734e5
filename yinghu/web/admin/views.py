"""Set-up views shared by all configuration types: index, list, form, retire, restore."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from yinghu.administration import impact, services
from yinghu.administration.history import Difference, changed_meanwhile
from yinghu.administration.registry import TYPES
from yinghu.administration.services import ChangeRefused
from yinghu.common.config_types.config_form import ConfigForm
from yinghu.common.config_types.config_type import ConfigType
from yinghu.common.icons import icon_words
from yinghu.people import invitations
from yinghu.places import locate
from yinghu.places.models import Area, Place
from yinghu.ui.requests import login_of
from yinghu.web.admin import first_run
from yinghu.web.admin.decorators import (
    RUNNING_ANSWERS,
    door,
    get_config_type,
    get_row,
    read_seen_state,
    row_context,
)
from yinghu.web.admin.row_tables import TABLES


@door("GET")
def show_setup(request: HttpRequest) -> HttpResponse:
    """Show all configuration types in the order of setting up, with counts and warnings."""
    if first_run.begins(request):
        request.session[first_run.SESSION_KEY] = True
    cards = [(each, impact.warnings(each)) for each in TYPES.values()]
    return render(request, "admin/index.html", {"cards": cards, "desk": "setup"})


@door("GET")
def list_rows(request: HttpRequest, name: str) -> HttpResponse:
    """List the rows of a type, by search text and state; areas as a tree."""
    config = get_config_type(name)
    query = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    which = request.GET.get("which", "active")
    if which not in ("active", "retired", "all") or not config.retires:
        which = "active"
    under = request.GET.get("under", "").replace("\x00", "")[:24]
    found = config.search(query, which, under)
    if config.name == "area" and not (query or under) and len(found) == 1:
        # With a single county at the top, show its children instead.
        under = found[0].code
        found = config.search(query, which, under)
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    context = {
        "kind": config,
        "rows": config.listed(list(page.object_list)),
        "page": page,
        "query": query,
        "which": which,
        "under": under,
        "trail": config.trail(under) if under else [],
        "warnings": impact.warnings(config) if page.number == 1 and not query else [],
        "panels": config.panels() if page.number == 1 and not query else [],
        "desk": "setup",
    }
    return render(request, "admin/list.html", context)


@door("GET", "POST")
def create_row(request: HttpRequest, name: str) -> HttpResponse:
    """Create a row."""
    config = get_config_type(name)
    if not config.creates:
        raise Http404
    if request.method == "GET":
        under = request.GET.get("under", "")[:24]
        given = {name: request.GET.get(name, "")[:60] for name in ("category", "user")}
        form = config.bind(initial=given | {"code": under, "area": under})
        return _render_form(request, config, form)
    if "rearrange" in request.POST:
        return _rearrange_rows(request, config, config.bind(data=request.POST))
    try:
        with services.exclusive():
            form = config.bind(data=request.POST)
            if not form.is_valid():
                return _render_form(request, config, form, status=422)
            running = impact.running_clocks(config, None, form.cleaned_data)
            answer = request.POST.get("running", "")
            if running and answer not in RUNNING_ANSWERS:
                return _render_form(request, config, form, status=422, running=running.number)
            follow = [running] if running and answer == "move" else None
            row = services.create(config, login_of(request), form.cleaned_data, follow)
    except IntegrityError:
        # Another process may write without taking our lock.
        problem = _("刚刚有人建了同样的，请核对后换一个代码")
        return _render_form(request, config, form, status=409, problem=problem)
    messages.success(request, _("已建好，马上生效"))
    return redirect("setup_row", name, config.key(row))


@door("GET", "POST")
def edit_row(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Show and edit one row."""
    config = get_config_type(name)
    row = get_row(config, key)
    if request.method == "GET":
        form = config.bind(key, initial=config.cells(row))
        return _render_form(request, config, form, row)
    if "rearrange" in request.POST:
        return _rearrange_rows(request, config, config.bind(key, request.POST), row)
    with services.exclusive():
        row = get_row(config, key)
        data: Any = request.POST
        if "empty" in data:
            # Resets the row to its defaults.
            data = {"seen": data.get("seen", ""), "empty": "1"} | dict.fromkeys(config.columns, "")
        form = config.bind(key, data)
        if not form.is_valid():
            return _render_form(request, config, form, row, status=422)
        now = services.without_active(config.state(row))
        seen = read_seen_state(request, config, key)
        if seen != now:
            typed = request.POST.copy()
            # The typed values stay; what was not changed follows the others.
            for field, value in form.cleaned_data.items():
                if seen and value == seen.get(field):
                    typed[field] = config.cells(row)[field]
            others = changed_meanwhile(config, key, seen, now)
            again = config.bind(key, typed)
            return _render_form(request, config, again, row, status=409, others=others)
        running = impact.running_clocks(config, row, form.cleaned_data)
        answer = request.POST.get("running", "")
        if running and answer not in RUNNING_ANSWERS:
            return _render_form(request, config, form, row, status=422, running=running.number)
        follow = [running] if running and answer == "move" else None
        done = services.update(config, login_of(request), row, form.cleaned_data, follow)
    if done:
        messages.success(request, _("已保存，马上生效"))
    else:
        messages.info(request, _("没有改动"))
    return redirect("setup_row", name, key) if config.find(key) else redirect("setup_list", name)


def _render_form(
    request: HttpRequest,
    config: ConfigType,
    form: ConfigForm,
    row: Any = None,
    *,
    status: int = 200,
    problem: str = "",
    others: list[Difference] | None = None,
    running: int = 0,
) -> HttpResponse:
    """Render the form; `others` are the differences that refused it as made for an older state,
    `running` is the number of running clocks; the form asks whether they follow.
    """
    context = row_context(config, row)
    key = context["key"]
    state = services.without_active(config.state(row)) if row is not None else {}
    context |= {
        "form": form,
        "fields": [
            (bound, config.hint(bound.name, row), config.field(bound.name).note) for bound in form
        ],
        "key_label": config.label_of((config.form.fixed or ("code",))[0]),
        "seen": signing.dumps(state, salt=f"{config.name}:{key}", compress=True),
        "problem": problem,
        "others": others,
        "running": running,
        "emptied": "empty" in request.POST,
        "stale": others is not None,
        "under": request.POST.get("under", request.GET.get("under", ""))[:24],
    }
    if row is not None and not form.fields:
        # Nothing can be changed: show the values as text.
        (shown,) = config.listed([row])
        context["facts"] = list(zip(config.heads, shown.cells, strict=True))
    if table := TABLES.get(config.name):
        context |= table.context(form)
    if config.name == "category":
        context["icons"] = icon_words().items()
    if config.name == "helper" and row is None:
        context["places"] = Place.objects.filter(active=True).values_list("code", "name")
    if config.name == "user" and row is not None:
        context |= {"login": row, "open_link": bool(invitations.users_with_open_link([row]))}
    if row is not None:
        context |= config.extras(row)
    if "lon" in form.fields:
        county = Area.objects.filter(retired_at=None).order_by("level", "code").first()
        context |= {
            "county": county.pk if county else "",
            "nowhere": locate.box() is None,
            "tiles": settings.MAP_TILES,
        }
    return render(request, "admin/row.html", context, status=status)


def _rearrange_rows(
    request: HttpRequest, config: ConfigType, form: ConfigForm, row: Any = None
) -> HttpResponse:
    """Render the form as typed with the rows of its row editor rearranged; nothing is saved."""
    table = TABLES.get(config.name)
    if table is None:
        raise Http404
    rows = table.rearranged(request.POST, request.POST.get("rearrange", "")[:20])
    typed = {name: request.POST[name] for name in form.fields if name in request.POST}
    again = config.form(form.context, form.key, initial={**typed, table.field: rows})
    if request.headers.get("HX-Request"):
        return render(request, table.template, table.context(again))
    return _render_form(request, config, again, row)


@door("GET", "POST")
def retire_row(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Show what retiring the row affects; retire it on POST."""
    config = get_config_type(name)
    row = get_row(config, key)
    if not config.retires:
        raise Http404
    problem = ""
    if request.method == "POST":
        try:
            with services.exclusive():
                services.retire(config, login_of(request), get_row(config, key))
            messages.success(request, _("已停用“%s”；随时可以恢复") % config.label(row))
            return redirect("setup_list", name)
        except ChangeRefused as refused:
            problem = str(refused)
    context = row_context(config, row) | {
        "concerns": impact.find_concerns(config, row),
        "problem": problem or config.retire_obstacle(row),
    }
    return render(request, "admin/retire.html", context, status=409 if problem else 200)


@door("POST")
def restore_row(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Restore a retired row."""
    config = get_config_type(name)
    if not config.retires:
        raise Http404
    try:
        with services.exclusive():
            services.restore(config, login_of(request), get_row(config, key))
        messages.success(request, _("已恢复，马上生效"))
    except ChangeRefused as refused:
        messages.error(request, str(refused))
    return redirect("setup_row", name, key)
