"""Forms built from verb rows and from the questions of categories."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from yinghu.appeals.actions import ASSIGN
from yinghu.appeals.handling_actions import EXTEND
from yinghu.appeals.labels import question_label
from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.moving import MAX_WORDS
from yinghu.appeals.numbers import id_of
from yinghu.appeals.states import Klass, Occasion, Satisfaction, Urgency
from yinghu.appeals.verb import FieldKind, Verb, VerbField
from yinghu.common import photos
from yinghu.common.config_types.config_form import labelled
from yinghu.common.form_fields import InitialsWidget, LineField, PickerSelect, WordsField
from yinghu.common.language import is_english, name_of
from yinghu.intake.drafts import MAX_ADDRESS, MAX_BODY, MAX_NAME, MAX_PHONE, Fault
from yinghu.oversight.actions import INVITE, SUPERVISE
from yinghu.oversight.whistle_actions import GRADE, MEASURES, WHISTLE
from yinghu.oversight.whistles import ratings
from yinghu.people.access import serving
from yinghu.people.models import Unit
from yinghu.places.area_fields import AreaField, AreaInput


@dataclass
class Known:
    """Choices for the forms of one page, each fetched once and only if needed.

    People are those of `unit_id` without `holder_id`, who has the case already.
    """

    unit_id: int | None = None
    holder_id: int | None = None
    to_call: list[tuple[str, str]] | None = None
    """Units that may be whistled for; None offers all."""
    speakers: list[tuple[str, str]] | None = None
    """The reader's units that were called; None offers all."""
    to_grade: list[tuple[str, str, bool]] | None = None
    """Units that the reader can rate, as (code, name, whether it has come); None offers all."""
    among: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Choices by the `among` of a field."""

    @cached_property
    def people(self) -> list[tuple[str, str]]:
        others = (user for user in serving(self.unit_id) if user.pk != self.holder_id)
        return [(user.username, str(user)) for user in others]

    @cached_property
    def categories(self) -> list[tuple[str, str]]:
        return [(c.code, name_of(c)) for c in Category.objects.filter(active=True)]

    @cached_property
    def units(self) -> list[tuple[str, str]]:
        return [(u.code, name_of(u)) for u in Unit.objects.filter(active=True)]


class SeveralInput(InitialsWidget, forms.CheckboxSelectMultiple):
    """Check boxes; `picker.js` adds a search field by name or initials."""


class PhotosInput(forms.FileInput):
    """File input for several photos."""

    allow_multiple_selected = True

    def __init__(self) -> None:
        super().__init__({"accept": "image/*", "multiple": True, "data-max": photos.MAX_PHOTOS})

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[UploadedFile[Any]]:
        return files.getlist(name) if hasattr(files, "getlist") else []


class PhotosField(forms.Field):
    """Uploaded photos, as a list of files; `verb_views.perform` checks and stores them."""

    widget = PhotosInput

    def clean(self, value: Any) -> list[UploadedFile[Any]]:
        if len(value) > photos.MAX_PHOTOS:
            raise ValidationError(_("最多 %d 张照片") % photos.MAX_PHOTOS)
        return list(value)


class AppealField(forms.CharField):
    """An appeal's number; the value is its id."""

    def clean(self, value: Any) -> int | None:
        text = str(super().clean(value)).strip()
        found = id_of(text)
        if text and found is None:
            raise ValidationError(_("这不是一个诉求编号，请核对每一位数字"))
        return found


def _field(spec: VerbField, known: Known) -> forms.Field:
    required = spec.required
    common: dict[str, Any] = {"label": _(spec.label), "required": required}
    nothing = ("", _("请选择"))

    def choose(choices: list[tuple[Any, str]], widget: Any = PickerSelect) -> forms.Field:
        return forms.ChoiceField(choices=choices, widget=widget, **common)

    match spec.kind:
        case FieldKind.TEXT:
            rows = 3 if spec.public else 2 if required else 1
            area = forms.Textarea(attrs={"rows": rows, "maxlength": MAX_WORDS})
            return WordsField(widget=area, max_length=MAX_WORDS, **common)
        case FieldKind.CATEGORY:
            return choose([nothing, *known.categories])
        case FieldKind.KLASS:
            return choose([("", _("按类别")), *labelled(Klass)], forms.Select)
        case FieldKind.AREA:
            return AreaField(max_length=120, widget=AreaInput, **common)
        case FieldKind.URGENCY:
            levels: dict[str, Any] = {"choices": labelled(Urgency), "widget": forms.RadioSelect}
            return forms.TypedChoiceField(coerce=int, empty_value=None, **levels, **common)
        case FieldKind.UNIT:
            return choose([nothing, *known.units])
        case FieldKind.UNITS:
            units = known.units if known.to_call is None else known.to_call
            return forms.MultipleChoiceField(choices=units, widget=SeveralInput, **common)
        case FieldKind.NAMED:
            spoken = None if required or spec.among else known.speakers
            units = known.among.get(spec.among, known.units if spoken is None else spoken)
            # Do not ask when there is only one unit to choose.
            asked = PickerSelect if required or len(units) > 1 else forms.HiddenInput
            only = required and spec.among and len(units) == 1
            return choose(units if only else [nothing, *units], asked)
        case FieldKind.OCCASION:
            return choose(labelled(Occasion), forms.RadioSelect)
        case FieldKind.POINT:
            return forms.CharField(max_length=60, widget=forms.HiddenInput, **common)
        case FieldKind.APPEAL:
            return AppealField(max_length=30, **common)
        case FieldKind.BOOL if required:
            answers = zip(("yes", "no"), map(_, spec.answers), strict=True)
            return forms.TypedChoiceField(
                choices=list(answers), coerce="yes".__eq__, widget=forms.RadioSelect, **common
            )
        case FieldKind.BOOL:
            return forms.BooleanField(**common)
        case FieldKind.SATISFACTION:
            return choose(labelled(Satisfaction), forms.RadioSelect)
        case FieldKind.TIME:
            clock = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
            return forms.DateTimeField(widget=clock, **common)
        case FieldKind.USER:
            people = known.among.get(spec.among, known.people)
            return choose([("", _("我自己")) if spec.among else nothing, *people])
        case FieldKind.PHOTOS:
            return PhotosField(**common)
        case FieldKind.MONEY:
            return forms.IntegerField(min_value=0, **common)


def _quick_deadlines() -> str:
    """Deadline buttons for `picker.js` as JSON: [label, minutes from now or a time of tomorrow]."""
    hour = ngettext("%d 小时", "%d 小时", 1) % 1, 60
    hours = ngettext("%d 小时", "%d 小时", 4) % 4, 240
    return json.dumps([hour, hours, (pgettext("day", "明天") + " 9:00", "09:00")])


_CASE_DEPENDENT = frozenset({FieldKind.UNITS, FieldKind.NAMED, FieldKind.SATISFACTION})
"""Kinds of field whose choices depend on the case: see `Known`."""


class VerbForm(forms.Form):
    """The form of a verb, built from its row; `values()` returns the keywords of its function."""

    def __init__(
        self,
        verb: Verb,
        known: Known,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        initial: dict[str, Any] | None = None,
        *,
        own: bool = False,
        photos: bool = True,
    ) -> None:
        super().__init__(data, files, initial=initial or {}, auto_id=f"{verb.name}-%s")
        self.verb = verb
        self.specs = [f for f in verb.fields if photos or f.kind is not FieldKind.PHOTOS]
        for spec in self.specs:
            self.fields[spec.name] = _field(spec, known)
        if verb.hurried:
            now = timezone.localtime().strftime("%Y-%m-%dT%H:%M:%S")
            self.fields["until"].widget.attrs |= {"data-quick": _quick_deadlines(), "data-now": now}
        # The field's label names the reader of the text; here it has to name the author.
        if "words" in self.fields and (own or verb.for_requester):
            self.fields["words"].label = _("您想说的") if own else _("诉求人的话")
        if "satisfaction" in self.fields:
            self.fields["satisfaction"].required = False
        if verb is GRADE and known.to_grade is not None:
            self._only(known.to_grade)
        if "unreached" in self.fields and own:
            self.fields["unreached"].label = _("单位没有联系过我")
        elif "unreached" in self.fields:
            # The first question of a callback; it needs an answer.
            self.fields["unreached"] = forms.TypedChoiceField(
                label=_("单位联系过诉求人吗"),
                choices=[("no", _("联系过")), ("yes", _("没有联系过"))],
                coerce="yes".__eq__,
                widget=forms.RadioSelect,
            )
            self.order_fields(["unreached"])

    def ask_for(self, name: str, why: str) -> None:
        """Make an optional field required, with a label that says why."""
        self.fields[name].required, self.fields[name].label = True, why

    def _only(self, calls: list[tuple[str, str, bool]]) -> None:
        """Offer only these units and the ratings that they can get."""
        fields: Any = self.fields
        silent = _("%s（没有报到，只能评不满意）")
        units = [(code, name if came else silent % name) for code, name, came in calls]
        fields["unit"].choices = units if len(units) == 1 else [("", _("请选择")), *units]
        rated = ratings(came=any(came for _code, _name, came in calls))
        fields["satisfaction"].choices = labelled(rated)

    def offer(self, known: Known) -> None:
        """Replace the widgets' choices by those of `known`, after validation."""
        fresh = VerbForm(self.verb, known)
        for spec in self.specs:
            if spec.kind in _CASE_DEPENDENT or spec.among:
                self.fields[spec.name].widget = fresh.fields[spec.name].widget

    def clean(self) -> dict[str, Any]:
        """Take "not solved" as unsatisfied if no satisfaction is given."""
        given: dict[str, Any] = self.cleaned_data
        if "satisfaction" in self.fields and not given.get("satisfaction"):
            if given.get("solved") is False:
                given["satisfaction"] = Satisfaction.UNSATISFIED.value
            elif "satisfaction" not in self.errors:
                self.add_error("satisfaction", _("请选择满意程度"))
        return given

    def values(self) -> dict[str, Any]:
        """Return the keywords of the verb's function, without empty optional fields."""
        given: dict[str, Any] = {}
        for spec in self.specs:
            value = self.cleaned_data[spec.name]
            if spec.required or value not in ("", None, []):
                given[spec.name] = value
        return given


def sort_initial(appeal: Appeal, suggestion: Any) -> dict[str, Any]:
    """Initial values of the sort form: the decided ones, else the suggested ones."""
    area = appeal.area or (suggestion and suggestion.area)
    return {
        "category": appeal.category_id or (suggestion and suggestion.category_id) or "",
        "klass": appeal.klass or (suggestion and suggestion.klass) or "",
        "area": f"{area.pk} {area.name}" if area else "",
        "urgency": str(max(appeal.urgency, suggestion.urgency if suggestion else 1)),
    }


def sorted_initial(appeal: Appeal) -> dict[str, Any]:
    """Initial values for correcting a sorted case; no class where it follows from the category."""
    usual = appeal.category is not None and appeal.klass == appeal.category.klass
    return sort_initial(appeal, None) | ({"klass": ""} if usual else {})


def initial_of(verb: Verb, appeal: Appeal) -> dict[str, Any]:
    """Initial values of the other verbs' forms."""
    if verb is ASSIGN and appeal.unit is not None:
        return {"unit": appeal.unit.code}
    now = timezone.localtime().replace(second=0, microsecond=0)
    hour = now.replace(minute=0)
    tomorrow = hour + timedelta(days=1)
    if verb in (EXTEND, INVITE, SUPERVISE):
        return {"until": tomorrow}
    if verb is WHISTLE:
        where = appeal.place or appeal.area
        given = {"occasion": Occasion.PEOPLE.value, "place": name_of(where) if where else ""}
        return given | {"until": hour + timedelta(hours=3)}
    if verb is MEASURES:
        return {"received": now, "until": tomorrow}
    return {}


class DangerRadios(forms.RadioSelect):
    """Choices, some of which mean danger: `danger.js` then shows the numbers to call."""

    def __init__(self, dangers: Collection[str]) -> None:
        super().__init__()
        self.dangers = frozenset(dangers)

    def create_option(self, *args: Any, **given: Any) -> dict[str, Any]:
        option = super().create_option(*args, **given)
        if option["value"] in self.dangers:
            option["attrs"]["data-danger"] = ""
        return option


class FilingForm(forms.Form):
    """The filing form of citizens; a category adds its questions as fields `q_<key>`."""

    # What they may hold is checked as of every draft: see `add_fault`.
    words = WordsField(required=False)
    where = LineField(required=False)
    name = LineField(required=False)
    phone = LineField(required=False)
    lon = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)
    lat = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Mapping[str, Any] | None = None, category: Category | None = None
    ) -> None:
        super().__init__(data, auto_id="f-%s")
        self.category = category
        self.questions: list[str] = []
        words, where = self.fields["words"], self.fields["where"]
        words.label, where.label = _("您需要什么帮助？"), _("在什么地方")
        words.widget = forms.Textarea(attrs={"rows": 4, "maxlength": MAX_BODY})
        # `app.js` clears the field's error once something is typed.
        words.widget.attrs["data-missing"] = _("请写几个字，说说您需要什么")
        words.widget.attrs["data-danger-words"] = ""
        where.widget.attrs |= {"autocomplete": "street-address", "maxlength": MAX_ADDRESS}
        self.fields["name"].label, self.fields["phone"].label = _("怎么称呼您"), _("手机或电话")
        self.fields["name"].widget.attrs |= {"autocomplete": "name", "maxlength": MAX_NAME}
        phone = {"autocomplete": "tel", "inputmode": "tel", "maxlength": MAX_PHONE}
        self.fields["phone"].widget.attrs |= phone
        for question in category.questions if category else []:
            self.fields[f"q_{question['key']}"] = _question_field(question)
            self.questions.append(f"q_{question['key']}")

    def asked(self) -> list[forms.BoundField]:
        """The fields of the category's questions."""
        return [self[name] for name in self.questions]

    def add_fault(self, fault: Fault) -> None:
        """Show a fault of the form's draft beside its field."""
        name = {"body": "words", "address": "where"}.get(fault.field, fault.field)
        name = name.replace("answers.", "q_")
        wrong_answer = any(question in self.errors for question in self.questions)
        if name in self.errors or (fault.code == "missing" and wrong_answer):
            # An invalid answer is reported at its question only.
            return
        said = fault.words
        if name == "words" and fault.code in ("missing", "nothing_visible"):
            said = _("请写几个字，说说您需要什么")
            if self.questions:
                said = _("请写几个字，或者回答上面的问题")
        self.add_error(name if name in self.fields else None, said)

    def answers(self) -> dict[str, Any]:
        """Return the non-empty answers by question key."""
        found: dict[str, Any] = {}
        for name in self.questions:
            value = self.cleaned_data.get(name)
            if isinstance(value, Decimal):
                value = int(value) if value == value.to_integral_value() else float(value)
            if value not in (None, "") and value is not False:
                found[name.removeprefix("q_")] = value
        return found


def _question_field(question: dict[str, Any]) -> forms.Field:
    common: dict[str, Any] = {
        "label": question_label(question),
        "required": bool(question.get("required")),
        "error_messages": {"required": _("请回答这一项")},
    }
    match question["kind"]:
        case "choice":
            values = question["choices"]
            shown = (is_english() and question.get("choices_en")) or values
            choices = list(zip(values, shown, strict=True))
            if not common["required"]:
                choices.append(("", _("不清楚")))
            widget = DangerRadios(question.get("danger", ()))
            return forms.ChoiceField(choices=choices, widget=widget, **common)
        case "number":
            common["widget"] = forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"})
            return forms.DecimalField(min_value=0, max_digits=9, decimal_places=2, **common)
        case "bool":
            return forms.BooleanField(**(common | {"required": False}))
        case _:
            return LineField(max_length=200, **common)
