"""Sewing on: a person's strips are scanned or typed one after the other, each with its garment."""

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals.moving import Refused
from yinghu.common import rate_limit
from yinghu.common.form_fields import LineField
from yinghu.common.text import whole_number
from yinghu.guardian import tag_actions
from yinghu.guardian.models import ProtectedPerson, Tag
from yinghu.guardian.tag_actions import MOST_GARMENT, Sewn
from yinghu.guardian.tag_codes import format_number
from yinghu.people.access import protected_q
from yinghu.ui.decorators import staff_page
from yinghu.ui.requests import login_of, who

GARMENTS = (
    gettext_lazy("外套"),
    gettext_lazy("棉袄"),
    gettext_lazy("毛衣"),
    gettext_lazy("衬衫"),
    gettext_lazy("裤子"),
    gettext_lazy("帽子"),
    gettext_lazy("鞋子"),
    gettext_lazy("布包"),
)
"""Suggestions; any other words will do."""
MOST_LISTED = 30
"""Lines of a list."""
PEOPLE_SHOWN = 50

_LINE = re.compile(r"\s*([0-9０-９][0-9０-９ \-－　]{7,}[0-9０-９])[\s,，、:：]*(.*)")
"""A short number, and the garment behind it."""


class SewnForm(forms.Form):
    """One strip: the number as typed or the address as scanned, and the garment."""

    number = LineField(
        label=gettext_lazy("布条编号"),
        max_length=300,
        help_text=gettext_lazy("二维码旁边的九位数字"),
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "placeholder": "123 456 789"}
        ),
    )
    garment = LineField(
        label=gettext_lazy("缝在哪件衣服上"),
        max_length=MOST_GARMENT,
        widget=forms.TextInput(attrs={"list": "garments", "autocomplete": "off"}),
    )


class SewnListForm(forms.Form):
    """Several strips that were sewn on before, a line for each."""

    lines = forms.CharField(
        label=gettext_lazy("一行一条：编号，再写哪件衣服"),
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": "123 456 789 外套"}),
    )

    def clean_lines(self) -> list[Sewn]:
        given = [line for line in self.cleaned_data["lines"].splitlines() if line.strip()]
        if len(given) > MOST_LISTED:
            raise forms.ValidationError(_("一次最多 %d 条，分几次记") % MOST_LISTED)
        read = []
        for line in given:
            found = _LINE.fullmatch(line)
            if found is None or not found[2].strip():
                raise forms.ValidationError(
                    _("这一行看不懂：“%s”。先写九位编号，再写哪件衣服") % line.strip()[:40]
                )
            read.append(Sewn(found[1], found[2].strip()))
        return read


@staff_page("tags", methods=("GET", "POST"))
def activate_page(request: HttpRequest, code: str = "") -> HttpResponse:
    """Show the form for a person's next strip, or who it could be for; take it by POST.

    `code` is that of a scanned address.
    """
    person = _person(request)
    if person is None:
        return _ask_for_whom(request, code)
    if request.method == "GET":
        return _show(request, person, SewnForm(initial=_scanned(code)))
    is_list = "lines" in request.POST
    form: forms.Form = SewnListForm(request.POST) if is_list else SewnForm(request.POST)
    if wait := rate_limit.too_many("strip", f"user {login_of(request).pk}"):
        form.add_error(None, _("试得太多了，请 %d 秒后再试") % wait)
    if form.is_valid():
        given = form.cleaned_data
        sewn = given["lines"] if is_list else [Sewn(given["number"], given["garment"])]
        try:
            tags = tag_actions.activate_many(sewn, person.pk, who(request))
        except Refused as refused:
            form.add_error(None if is_list else refused.field or None, refused.message)
        else:
            _say(request, person, tags)
            return HttpResponseRedirect(f"{reverse('guardian_activate')}?person={person.pk}")
    return _show(request, person, form, 422)


def _say(request: HttpRequest, person: ProtectedPerson, tags: list[Tag]) -> None:
    n = tag_actions.worn_tags(person.pk).count()
    if len(tags) > 1:
        messages.success(
            request, _("记下了 %(more)d 条，一共 %(n)d 条") % {"more": len(tags), "n": n}
        )
        return
    said = {"n": n, "garment": tags[0].garment}
    messages.success(request, _("第 %(n)d 条：%(garment)s") % said)


def _person(request: HttpRequest) -> ProtectedPerson | None:
    """The person in the address, if the reader looks after them; 404 for another one."""
    given = request.GET.get("person", "")
    if not given:
        return None
    people = ProtectedPerson.objects.filter(
        protected_q(who(request)),
        pk=whole_number(given, 18) or 0,
        state=ProtectedPerson.State.ACTIVE,
    )
    person = people.select_related("area").defer("area__outline").first()
    if person is None:
        raise Http404
    return person


def _scanned(code: str) -> dict[str, Any]:
    tag = tag_actions.find_by_number(code) if code else None
    # Only what is printed on the strip in the reader's hand.
    return {"number": format_number(tag.number)} if tag else {}


def _ask_for_whom(request: HttpRequest, code: str) -> HttpResponse:
    if request.method == "POST":
        raise Http404
    people = ProtectedPerson.objects.filter(
        protected_q(who(request)), state=ProtectedPerson.State.ACTIVE
    )
    words = request.GET.get("q", "").replace("\x00", "").strip()[:40]
    if words:
        people = people.filter(Q(nickname__icontains=words) | Q(area__name__icontains=words))
    worn = Count("tags", filter=Q(tags__state=Tag.State.ACTIVE))
    found = people.select_related("area").defer("area__outline").annotate(worn=worn)
    rows = list(found.order_by("worn", "-pk")[: PEOPLE_SHOWN + 1])
    context = {
        "desk": "guardian",
        "people": rows[:PEOPLE_SHOWN],
        "more": len(rows) > PEOPLE_SHOWN,
        "words": words,
    }
    return render(request, "guardian/activate_whom.html", context)


def _show(
    request: HttpRequest, person: ProtectedPerson, form: forms.Form, status: int = 200
) -> HttpResponse:
    tags = list(tag_actions.worn_tags(person.pk))
    is_list = isinstance(form, SewnListForm)
    context = {
        "desk": "guardian",
        "person": person,
        "form": SewnForm() if is_list else form,
        "list_form": form if is_list else SewnListForm(),
        "is_list": is_list,
        "tags": list(enumerate(tags, 1))[::-1],
        "garments": GARMENTS,
    }
    return render(request, "guardian/activate.html", context, status=status)
