"""Routing sandbox: how a text would be classified and routed; nothing is written."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals import channels
from yinghu.appeals.labels import question_label
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Urgency
from yinghu.common.form_fields import PickerSelect, WordsField
from yinghu.common.language import name_of
from yinghu.people.access import desks_of
from yinghu.places.area_fields import AreaField, AreaInput
from yinghu.routing import explanation
from yinghu.routing.config_types import RuleNames, choices_of, class_label, translated_channel
from yinghu.routing.routing import active_rules
from yinghu.triage import suggest
from yinghu.ui.decorators import staff_page
from yinghu.ui.requests import who
from yinghu.web.admin.routing_rules import describe_trials


class TryForm(forms.Form):
    """Text of an appeal, with optional category, area, channel and answers."""

    words = WordsField(
        label=gettext_lazy("一段话"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("请写一段话")},
    )
    category = forms.ChoiceField(label=gettext_lazy("类别"), required=False, widget=PickerSelect)
    area = AreaField(label=gettext_lazy("地点"), max_length=120, required=False, widget=AreaInput)
    channel = forms.ChoiceField(label=gettext_lazy("来源"), required=False)

    def __init__(self, data: Any, *, names: RuleNames) -> None:
        super().__init__(data, auto_id="try-%s")
        self.names = names
        category: Any = self.fields["category"]
        channel: Any = self.fields["channel"]
        known = names.categories.values()
        category.choices = [
            ("", _("让系统来认")),
            *((each.code, name_of(each)) for each in known if each.active),
        ]
        channel.choices = [(code, translated_channel(code)) for code in channels.CHANNELS]

    def answers(self) -> dict[str, Any]:
        """Answers to the category's questions (fields `q-…`)."""
        found: dict[str, Any] = {}
        for name, value in self.data.items():
            if name.startswith("q-") and value and len(found) < 20:
                text = str(value).replace("\x00", "").strip()[:80]
                yes_no = {"True": True, "False": False}
                found[name.removeprefix("q-")] = yes_no.get(text, text)
        return found

    def questions_of(self, category: str) -> list[dict[str, Any]]:
        """The category's questions with current answer and choices."""
        found = self.names.categories.get(category)
        given = self.answers()
        return [
            {
                "name": f"q-{each['key']}",
                "label": question_label(each),
                "value": str(given.get(each["key"], "")),
                "choices": choices_of(each),
            }
            for each in (found.questions if found else ())
        ]


@staff_page("dispatch", "setup", methods=("GET", "POST"))
def try_rules(request: HttpRequest) -> HttpResponse:
    """Show the suggested classification of a text and the rule that would take it."""
    names = RuleNames()
    form = TryForm(request.POST if request.method == "POST" else None, names=names)
    context: dict[str, Any] = {
        "form": form,
        "desk": "setup" if "setup" in desks_of(who(request)) else "dispatch",
    }
    if form.is_valid():
        context |= _try_form(form, names)
    status = 422 if form.errors else 200
    return render(request, "admin/routing_sandbox.html", context, status=status)


def _try_form(form: TryForm, names: RuleNames) -> dict[str, Any]:
    given = form.cleaned_data
    appeal = Appeal(
        body=given["words"],
        channel=given["channel"] or "web",
        category_id=given["category"] or None,
        area_id=given["area"] or None,
        answers=form.answers(),
    )
    suggestion = suggest.compute_suggestions([appeal])[0]
    appeal.category_id, appeal.klass = suggestion.category_id, suggestion.klass
    appeal.area_id = suggestion.area_id
    trail = explanation.trail(appeal, active_rules())
    read = [
        (_("类别"), names.category(appeal.category_id or ""), suggestion.category_confidence),
        (_("性质"), class_label(appeal.klass), suggestion.klass_confidence),
        (_("地点"), names.area(appeal.area_id or ""), suggestion.area_confidence),
        (_("紧急程度"), _(Urgency(suggestion.urgency).label), suggestion.urgency_confidence),
    ]
    return {
        "read": [(label, text, f"{sure:.0%}" if sure else "") for label, text, sure in read],
        "words": suggestion.why,
        "trail": describe_trials(appeal, trail, names),
        "takes": trail[-1].rule if trail and trail[-1].fits else None,
        "questions": form.questions_of(appeal.category_id or ""),
    }
