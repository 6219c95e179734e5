"""Batches of strips: the list with what is in stock, a new one, its steps and its downloads."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals import city_texts
from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused
from yinghu.common.form_fields import LineField, PickerSelect
from yinghu.config.environment import is_loopback
from yinghu.guardian import batches, strips
from yinghu.guardian.models import MOST_TAGS_OF_BATCH, TagBatch
from yinghu.people.access import Actor, is_city_admin, protected_areas
from yinghu.people.models import Change, Unit
from yinghu.places import locate
from yinghu.places.area_fields import AreaInput, ExactAreaField
from yinghu.ui import csv_download
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.requests import who

PAGE = 30
"""Batches."""


class BatchForm(forms.Form):
    """What a new batch is called, and what is printed on its strips."""

    name = LineField(
        label=gettext_lazy("这一批叫什么"),
        max_length=60,
        help_text=gettext_lazy("只给自己人看，例如“福田街道 2026 年第一批”。"),
    )
    count = forms.IntegerField(
        label=gettext_lazy("做多少条"),
        min_value=1,
        max_value=MOST_TAGS_OF_BATCH,
        initial=100,
        help_text=gettext_lazy("一位老人通常缝 20 到 30 条。一批最多 10,000 条。"),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    area = ExactAreaField(
        label=gettext_lazy("给哪个地方用"), max_length=120, required=False, widget=AreaInput
    )
    office = LineField(
        label=gettext_lazy("印上哪个单位"),
        max_length=60,
        help_text=gettext_lazy("印在每条布条上，发现的人凭它相信这是真的。"),
    )
    hotline = LineField(
        label=gettext_lazy("印上哪个电话"),
        max_length=30,
        help_text=gettext_lazy("要全天有人接：没有智能手机的人打这个电话、报布条编号。"),
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )
    donor = LineField(label=gettext_lazy("谁捐的"), max_length=80, required=False)


class HolderForm(forms.Form):
    """To whom the strips of a batch are handed."""

    holder = forms.ChoiceField(label=gettext_lazy("交给谁"), widget=PickerSelect)

    def __init__(self, batch: TagBatch, data: Any = None) -> None:
        super().__init__(data, auto_id="h-%s")
        people = batches.holders(batch.area_id or "").order_by("display_name", "pk")
        holder: Any = self.fields["holder"]
        holder.choices = [("", _("请选择")), *((one.username, str(one)) for one in people)]


@staff_page("tags")
def batches_page(request: HttpRequest) -> HttpResponse:
    """List the batches that the reader may see, and what is left of them where and with whom."""
    actor = who(request)
    found = TagBatch.objects.filter(batches.batches_q(actor)).select_related("area", "holder")
    page = Paginator(found.defer("area__outline"), PAGE).get_page(request.GET.get("page"))
    counts = batches.stock_by_batch(batch.pk for batch in page.object_list)
    known = locate.known_areas()
    context = {
        "desk": "guardian",
        "here": "tags",
        "page": page,
        "lines": [(batch, counts.get(batch.pk)) for batch in page.object_list],
        "towns": [
            (known.get(code), counts) for code, counts in batches.stock_by_town(actor).items()
        ],
        "holders": batches.stock_by_holder(actor).items(),
        "may_make": _may_make_any(actor),
    }
    return render(request, "guardian/batches.html", context)


def _may_make_any(actor: Actor) -> bool:
    return is_city_admin(actor) or bool(protected_areas(actor))


@staff_page("tags", methods=("GET", "POST"))
def batch_new(request: HttpRequest) -> HttpResponse:
    """Show or take the form of a new batch."""
    actor = who(request)
    if not _may_make_any(actor):
        raise PermissionDenied
    if request.method == "GET":
        form = BatchForm(initial=_first_values(actor))
        return render(request, "guardian/batch_new.html", {"desk": "guardian", "form": form})
    form = BatchForm(request.POST)
    if form.is_valid():
        try:
            batch = batches.create_batch(actor, **form.cleaned_data)
        except Refused as refused:
            form.add_error(refused.field or None, refused.message)
        else:
            messages.success(request, _("已做好 %d 条的地址和编号，可以下载去印了") % batch.count)
            return redirect("guardian_batch", batch.pk)
    context = {"desk": "guardian", "form": form}
    return render(request, "guardian/batch_new.html", context, status=422)


def _first_values(actor: Actor) -> dict[str, Any]:
    """The actor's own place and unit, if there is only one, and the city's hotline."""
    areas = protected_areas(actor)
    own = areas[0] if len(areas) == 1 else ""
    unit = Unit.objects.filter(area=own).first() if own else None
    office = unit.name if unit else ""
    return {"area": own, "office": office, "hotline": city_texts.text("hotline")}


@staff_page("tags")
def batch_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a batch."""
    return _show(request, _batch(request, pk))


def _batch(request: HttpRequest, pk: int) -> TagBatch:
    try:
        return batches.find_batch(pk, who(request))
    except NotFound as gone:
        raise Http404 from gone


def _show(
    request: HttpRequest,
    batch: TagBatch,
    form: HolderForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    actor = who(request)
    reached = [getattr(batch, f"{step}_at") for step in batches.STEPS]
    changes = Change.objects.filter(kind=batches.HISTORY_KIND, key=str(batch.pk))
    context = {
        "desk": "guardian",
        "batch": batch,
        "counts": batches.stock_by_batch([batch.pk]).get(batch.pk, batches.TagCounts()),
        "sections": list(enumerate(strips.sections(batch), 1)),
        "may_download": batches.may_download(actor, batch),
        "may_manage": batches.may_manage(actor, batch),
        # The first step without a time; a batch that was handed over can be handed on.
        "next": next((s for s, at in zip(batches.STEPS, reached, strict=True) if not at), "handed"),
        "form": form or HolderForm(batch),
        "is_local": is_loopback(urlsplit(settings.SITE_URL).hostname or ""),
        "told": [
            (each, batches.describe_change(each))
            for each in changes.select_related("user").order_by("-id")
        ],
        "problem": problem,
    }
    return render(request, "guardian/batch.html", context, status=status)


@staff_action("tags")
def batch_mark(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """Note that a batch was printed, received, or handed to somebody."""
    batch = _batch(request, pk)
    if step not in batches.STEPS:
        raise Http404
    try:
        batches.mark(pk, who(request), step, request.POST.get("holder", "")[:150])
    except Forbidden as refused:
        raise PermissionDenied from refused
    except Refused as refused:
        form = HolderForm(batch, request.POST if step == "handed" else None)
        if refused.field and not form.has_error(refused.field):
            form.add_error(refused.field, refused.message)
        problem = refused.message if isinstance(refused, Conflict) else ""
        return _show(request, batch, form, problem, refused.status)
    messages.success(request, _("已记下"))
    return redirect("guardian_batch", pk)


@staff_action("tags")
def batch_sheets(request: HttpRequest, pk: int, section: int) -> HttpResponse:
    """Download a section of the sheets to be printed; who did is recorded."""
    batch = _batch(request, pk)
    parts = strips.sections(batch)
    if not 1 <= section <= len(parts):
        raise Http404
    name = "strips-{}-{}-{}.pdf".format(batch.pk, *parts[section - 1])
    _record(request, batch, name)
    answer = HttpResponse(strips.render_sheets(batch, section), content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@staff_action("tags")
def batch_addresses(request: HttpRequest, pk: int) -> HttpResponse:
    """Download numbers and addresses for the maker; who did is recorded."""
    batch = _batch(request, pk)
    name = f"strips-{batch.pk}"
    _record(request, batch, f"{name}.csv")
    columns = {"number": _("编号"), "address": _("地址")}
    return csv_download.download(name, columns, strips.maker_rows(batch))


def _record(request: HttpRequest, batch: TagBatch, name: str) -> None:
    try:
        batches.record_download(batch, who(request), name)
    except Forbidden as refused:
        raise PermissionDenied from refused
