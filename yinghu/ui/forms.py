"""Forms built from verb rows and from the questions of categories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from yinghu.appeals.actions import ASSIGN
from yinghu.appeals.body_from_answers import body_of
from yinghu.appeals.handling_actions import EXTEND
from yinghu.appeals.labels import question_label
from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.moving import MAX_WORDS
from yinghu.appeals.numbers import id_of
from yinghu.appeals.states import Klass, Occasion, Satisfaction, Urgency
from yinghu.appeals.verb import Field as VerbField
from yinghu.appeals.verb import FieldKind, Verb
from yinghu.common import photos
from yinghu.common.form_fields import LineField, PickerSelect, WordsField
from yinghu.common.language import is_english, name_of
from yinghu.common.pinyin import initials
from yinghu.common.privacy.phones import normal_phone
from yinghu.oversight.actions import INVITE, SUPERVISE
from yinghu.oversight.whistle_actions import GRADE, MEASURES, WHISTLE
from yinghu.oversight.whistles import ratings
from yinghu.people.access import serving
from yinghu.people.models import Unit
from yinghu.places.area_fields import AreaField, AreaInput


class Known:
    """Choices for the forms of one page, each fetched once and only if needed.

    People are those of `unit_id` without `holder_id`, who has the case already.
    """

    def __init__(self, unit_id: int | None = None, holder_id: int | None = None) -> None:
        self.unit_id = unit_id
        self.holder_id = holder_id
        self.to_call: list[tuple[str, str]] | None = None
        """Units that may be whistled for; None offers all."""
        self.speakers: list[tuple[str, str]] | None = None
        """The reader's units that were called; None offers all."""
        self.to_grade: list[tuple[str, str, bool]] | None = None
        """Units that the reader can rate, as (code, name, whether it has come); None offers all."""
        self.among: dict[str, list[tuple[str, str]]] = {}
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


class SeveralInput(forms.CheckboxSelectMultiple):
    """Check boxes; `picker.js` adds a search field by name or initials."""

    def create_option(self, *args: Any, **given: Any) -> dict[str, Any]:
        option = super().create_option(*args, **given)
        option["attrs"]["data-initials"] = initials(str(option["label"]))
        return option


class PhotosInput(forms.FileInput):
    """File input for several photos."""

    allow_multiple_selected = True

    def __init__(self) -> None:
        super().__init__(
            attrs={"accept": "image/*", "multiple": True, "data-max": photos.MAX_PHOTOS}
        )

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
        if not text:
            return None
        found = id_of(text)
        if found is None:
            raise ValidationError(_("这不是一个诉求编号，请核对每一位数字"))
        return found


def _field(spec: VerbField, known: Known) -> forms.Field:
    """The form field of a verb's field."""
    label, required = _(spec.label), spec.required
    common: dict[str, Any] = {"label": label, "required": required}
    match spec.kind:
        case FieldKind.TEXT:
            rows = 3 if spec.public else 2 if required else 1
            area = forms.Textarea(attrs={"rows": rows, "maxlength": MAX_WORDS})
            return WordsField(widget=area, max_length=MAX_WORDS, **common)
        case FieldKind.CATEGORY:
            choices = [("", _("请选择")), *known.categories]
            return forms.ChoiceField(choices=choices, widget=PickerSelect, **common)
        case FieldKind.KLASS:
            choices = [("", _("按类别")), *((k.value, _(k.label)) for k in Klass)]
            return forms.ChoiceField(choices=choices, **common)
        case FieldKind.AREA:
            return AreaField(max_length=120, widget=AreaInput, **common)
        case FieldKind.URGENCY:
            levels = [(str(u.value), _(u.label)) for u in Urgency]
            return forms.TypedChoiceField(
                choices=levels, coerce=int, empty_value=None, widget=forms.RadioSelect, **common
            )
        case FieldKind.UNIT:
            choices = [("", _("请选择")), *known.units]
            return forms.ChoiceField(choices=choices, widget=PickerSelect, **common)
        case FieldKind.UNITS:
            units = known.units if known.to_call is None else known.to_call
            return forms.MultipleChoiceField(choices=units, widget=SeveralInput, **common)
        case FieldKind.NAMED:
            spoken = None if required or spec.among else known.speakers
            units = known.among.get(spec.among, known.units if spoken is None else spoken)
            # Do not ask when there is only one unit to choose.
            asked = PickerSelect if required or len(units) > 1 else forms.HiddenInput
            only = bool(required and spec.among and len(units) == 1)
            choices = [*([] if only else [("", _("请选择"))]), *units]
            return forms.ChoiceField(choices=choices, widget=asked, **common)
        case FieldKind.OCCASION:
            occasions = [(o.value, _(o.label)) for o in Occasion]
            return forms.ChoiceField(choices=occasions, widget=forms.RadioSelect, **common)
        case FieldKind.POINT:
            return forms.CharField(max_length=60, widget=forms.HiddenInput, **common)
        case FieldKind.APPEAL:
            return AppealField(max_length=30, **common)
        case FieldKind.BOOL if required:
            answers = [
                (value, _(text)) for value, text in zip(("yes", "no"), spec.answers, strict=True)
            ]
            return forms.TypedChoiceField(
                choices=answers, coerce="yes".__eq__, widget=forms.RadioSelect, **common
            )
        case FieldKind.BOOL:
            return forms.BooleanField(**common)
        case FieldKind.SATISFACTION:
            levels = [(s.value, _(s.label)) for s in Satisfaction]
            return forms.ChoiceField(choices=levels, widget=forms.RadioSelect, **common)
        case FieldKind.TIME:
            clock = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
            return forms.DateTimeField(widget=clock, **common)
        case FieldKind.USER:
            people = known.among.get(spec.among, known.people)
            choices = [("", _("我自己") if spec.among else _("请选择")), *people]
            return forms.ChoiceField(choices=choices, widget=PickerSelect, **common)
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
        # The row names the reader of the words; this form shows whose words they are.
        if "words" in self.fields and own:
            self.fields["words"].label = _("您想说的")
        elif "words" in self.fields and verb.for_requester:
            self.fields["words"].label = _("诉求人的话")

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
        silent = _("%s（没有报到，只能评不满意）")
        units = [(code, name if came else silent % name) for code, name, came in calls]
        if len(units) > 1:
            units.insert(0, ("", _("请选择")))
        self.fields["unit"] = forms.ChoiceField(
            label=self.fields["unit"].label, choices=units, widget=PickerSelect
        )
        rated = ratings(came=any(came for _code, _name, came in calls))
        levels = [(each.value, _(each.label)) for each in rated]
        self.fields["satisfaction"] = forms.ChoiceField(
            label=self.fields["satisfaction"].label,
            choices=levels,
            widget=forms.RadioSelect,
            required=False,
        )

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
    urgency = max(appeal.urgency, suggestion.urgency if suggestion else 1)
    category = appeal.category_id or (suggestion and suggestion.category_id) or ""
    klass = appeal.klass or (suggestion and suggestion.klass) or ""
    return {
        "category": category,
        "klass": klass,
        "area": f"{area.pk} {area.name}" if area else "",
        "urgency": str(urgency),
    }


def sorted_initial(appeal: Appeal) -> dict[str, Any]:
    """Initial values for correcting a sorted case; the class stays empty where it follows from the
    category.
    """
    usual = appeal.category is not None and appeal.klass == appeal.category.klass
    return sort_initial(appeal, None) | ({"klass": ""} if usual else {})


def initial_of(verb: Verb, appeal: Appeal) -> dict[str, Any]:
    """Initial values of the other verbs' forms."""
    if verb is ASSIGN and appeal.unit is not None:
        return {"unit": appeal.unit.code}
    now = timezone.localtime().replace(second=0, microsecond=0)
    tomorrow = now.replace(minute=0) + timedelta(days=1)
    if verb in (EXTEND, INVITE, SUPERVISE):
        return {"until": tomorrow}
    if verb is WHISTLE:
        where = appeal.place or appeal.area
        soon = now.replace(minute=0) + timedelta(hours=3)
        place = name_of(where) if where else ""
        return {"until": soon, "occasion": Occasion.PEOPLE.value, "place": place}
    if verb is MEASURES:
        return {"received": now, "until": tomorrow}
    return {}


class FilingForm(forms.Form):
    """The filing form of citizens; a category adds its questions as fields `q_<key>`."""

    # Needed only where no question was answered: see `clean`.
    words = WordsField(max_length=MAX_WORDS, required=False)
    where = LineField(max_length=200, required=False)
    name = LineField(max_length=60, required=False)
    phone = LineField(max_length=40, required=False)
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
        words.widget = forms.Textarea(attrs={"rows": 4, "maxlength": MAX_WORDS})
        # `app.js` clears the field's error once something is typed.
        words.widget.attrs["data-missing"] = _("请写几个字，说说您需要什么")
        where.widget.attrs |= {"autocomplete": "street-address"}
        self.fields["name"].label, self.fields["phone"].label = _("怎么称呼您"), _("手机或电话")
        self.fields["name"].widget.attrs |= {"autocomplete": "name"}
        self.fields["phone"].widget.attrs |= {"autocomplete": "tel", "inputmode": "tel"}
        for question in category.questions if category else []:
            self.fields[f"q_{question['key']}"] = _question_field(question)
            self.questions.append(f"q_{question['key']}")

    def asked(self) -> list[forms.BoundField]:
        """The fields of the category's questions."""
        return [self[name] for name in self.questions]

    def clean_phone(self) -> str:
        text: str = self.cleaned_data["phone"]
        if not text:
            return ""
        phone = normal_phone(text)
        if not phone:
            raise ValidationError(_("这个号码打不通，请核对；也可以不留"))
        return phone

    def clean(self) -> dict[str, Any]:
        """Require words or an answer; make the words from the answers where they are missing."""
        given: dict[str, Any] = self.cleaned_data
        if "words" in given and not given["words"]:
            language = get_language() or ""
            answers = self.answers()
            given["words"] = body_of(self.category, answers, language) if self.category else ""
            # An invalid answer is reported at its question instead.
            if not given["words"] and not any(name in self.errors for name in self.questions):
                self.add_error(
                    "words",
                    _("请写几个字，或者回答上面的问题")
                    if self.questions
                    else _("请写几个字，说说您需要什么"),
                )
        return given

    def answers(self) -> dict[str, Any]:
        """Return the non-empty answers by question key."""
        found: dict[str, Any] = {}
        for name in self.questions:
            value = self.cleaned_data.get(name)
            if isinstance(value, Decimal):
                value = int(value) if value == value.to_integral_value() else float(value)
            if value is not None and value is not False and value != "":
                found[name.removeprefix("q_")] = value
        return found


def _question_field(question: dict[str, Any]) -> forms.Field:
    english = is_english()
    common: dict[str, Any] = {
        "label": question_label(question),
        "required": bool(question.get("required")),
        "error_messages": {"required": _("请回答这一项")},
    }
    match question["kind"]:
        case "choice":
            values = question["choices"]
            shown = (english and question.get("choices_en")) or values
            choices = list(zip(values, shown, strict=True))
            if not common["required"]:
                choices.append(("", _("不清楚")))
            return forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **common)
        case "number":
            number = forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"})
            return forms.DecimalField(
                min_value=0, max_digits=9, decimal_places=2, widget=number, **common
            )
        case "bool":
            return forms.BooleanField(**(common | {"required": False}))
        case _:
            return LineField(max_length=200, **common)
