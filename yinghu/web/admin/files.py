"""CSV export and import of configuration types; an import is previewed before it is written."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from yinghu.administration import services, tables
from yinghu.appeals.config_types import question_table
from yinghu.common.config_types.config_type import ConfigType
from yinghu.common.tables.table_reader import BadFile
from yinghu.ui import csv_download
from yinghu.ui.requests import login_of
from yinghu.web.admin.decorators import RUNNING_ANSWERS, door, get_config_type

SHOWN = 200
"""Maximum lines of each outcome in a preview."""


@door("GET")
def export_rows(request: HttpRequest, name: str) -> HttpResponse:
    """Export all rows, retired ones included; with `under`, only those whose key begins with it."""
    config = get_config_type(name)
    under = request.GET.get("under", "")[:24]
    rows = [row for row in config.rows() if not under or config.key(row).startswith(under)]
    if config.name == "category" and request.GET.get("table") == "questions":
        lines = question_table.question_rows(rows)
        return csv_download.download("yinghu-questions", _by_name(question_table.HEADS), lines)
    cells = (config.cells(row) for row in rows)
    return csv_download.download(f"yinghu-{config.name}", _by_name(config.exported), cells)


def _by_name(columns: Iterable[str]) -> dict[str, str]:
    """Headings that a page and the command line in any language read again: the columns' names."""
    return {name: name for name in columns}


@door("GET", "POST")
def import_rows(request: HttpRequest, name: str) -> HttpResponse:
    """Preview the effect of a file; import it once the preview is confirmed."""
    config = get_config_type(name)
    if request.method == "GET":
        return _render_upload(request, config)
    if "sealed" in request.POST:
        return _confirm_import(request, config)
    upload = request.FILES.get("file")
    if not isinstance(upload, UploadedFile):
        return _render_upload(request, config, problem=_("请先选一个 CSV 文件"))
    try:
        table = csv_download.read_upload(upload)
        if not table.rows:
            raise BadFile(_("文件里一行也没有"))
        if missing := config.missing_in(table.columns):
            raise BadFile(_("缺少这些列：%s") % _("、").join(missing))
        sealed = signing.dumps(table.rows, salt=_salt(request, config), compress=True)
        # The preview form sends them back, and a form may have 2 MB.
        if len(sealed) > 1_500_000:
            raise BadFile(_("文件太大了，请分成几个文件，分几次导入"))
    except BadFile as bad:
        return _render_upload(request, config, problem=str(bad))
    plan, unknown = tables.plan_import(config, table.rows), config.unknown_in(table.columns)
    return _preview(request, config, plan, sealed, unknown=unknown)


def _salt(request: HttpRequest, config: ConfigType) -> str:
    """Bind a preview to its user and configuration type."""
    return f"yinghu.setup:{config.name}:{login_of(request).pk}"


def _confirm_import(request: HttpRequest, config: ConfigType) -> HttpResponse:
    sealed = request.POST["sealed"]
    try:
        found: Any = signing.loads(sealed, salt=_salt(request, config), max_age=3600)
    except signing.BadSignature:
        return _render_upload(request, config, problem=_("这个预览已经过期，请把文件再选一次"))
    rows = [(int(number), dict(cells)) for number, cells in found]
    problem, done, answer = "", 0, request.POST.get("running", "")
    try:
        with services.exclusive():
            plan = tables.plan_import(config, rows)
            if plan.digest != request.POST.get("digest"):
                problem = _("看过预览以后有人改了数据，下面是现在的情况，请再看一遍")
            elif "strict" in request.POST and plan.of("refused"):
                problem = _("有不能用的行，按您的选择，一行也没有导入")
            elif (running := tables.running_clocks(plan)) and answer not in RUNNING_ANSWERS:
                problem = _("有计时正在走，请选要不要也照新的算")
            else:
                follow = running if running and answer == "move" else None
                done = tables.apply_import(login_of(request), plan, follow)
    except services.ChangeRefused as refused:
        problem = _("一行也没有导入。%s") % refused
    except IntegrityError:
        # Another process may write without taking our lock.
        problem = _("一行也没有导入：刚刚有人在别处建了同样的。下面是现在的情况，请再看一遍")
    if problem:
        return _preview(request, config, tables.plan_import(config, rows), sealed, problem=problem)
    text = _("已导入：新增 %(new)d，改动 %(changed)d，没变 %(same)d，没用上 %(refused)d")
    numbers = {does: len(plan.of(does)) for does in ("new", "changed", "same", "refused")}
    (messages.success if done else messages.info)(request, text % numbers)
    return redirect("setup_list", config.name)


def _preview(
    request: HttpRequest,
    config: ConfigType,
    plan: tables.ImportPlan,
    sealed: str,
    *,
    problem: str = "",
    unknown: list[str] | None = None,
) -> HttpResponse:
    found = {does: plan.of(does) for does in ("new", "changed", "same", "refused")}
    shown = {does: lines[:SHOWN] for does, lines in found.items()}
    for line in (*shown["new"], *shown["changed"]):
        tables.describe_line(plan, line)
    context = {
        "kind": config,
        "numbers": {does: len(lines) for does, lines in found.items()},
        "lines": shown,
        "more": {does: max(0, len(lines) - SHOWN) for does, lines in found.items()},
        "plan": plan,
        "running": tables.count_running(plan),
        "sealed": sealed,
        "problem": problem,
        "unknown": unknown or [],
        "desk": "setup",
    }
    return render(request, "admin/preview.html", context, status=409 if problem else 200)


def _render_upload(request: HttpRequest, config: ConfigType, problem: str = "") -> HttpResponse:
    context = {
        "kind": config,
        "columns": [
            (name, config.label_of(name), config.field(name).hint, name in config.required)
            for name in config.exported
        ],
        "question_columns": [
            (name, head, name in question_table.NEEDED)
            for name, head in question_table.HEADS.items()
            if config.name == "category"
        ],
        "problem": problem,
        "most_rows": csv_download.MAX_ROWS,
        "most_mb": csv_download.MAX_BYTES // 2**20,
        "desk": "setup",
    }
    return render(request, "admin/import.html", context, status=422 if problem else 200)
