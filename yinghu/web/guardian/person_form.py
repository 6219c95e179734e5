"""The form of a protected person, with a row for each guardian."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yinghu.common.form_fields import LineField, WordsField
from yinghu.common.text import whole_number
from yinghu.guardian.models import MOST_GUARDIANS, Guardian, ProtectedPerson
from yinghu.guardian.registration import (
    MAX_TEXT,
    Consent,
    Fault,
    GuardianEntry,
    PersonDetails,
    PublicCard,
    Registration,
    guardian_faults,
)
from yinghu.people.protected_disclosure import ShownPerson
from yinghu.places.area_fields import AreaInput, ExactAreaField

_FEWEST_ROWS: Final = 2
_SPARE_ROWS: Final = 1
SEXES: Final = {"f": pgettext_lazy("sex", "女"), "m": pgettext_lazy("sex", "男")}
_DETAILS: Final = tuple(PersonDetails.__dataclass_fields__)


def _words(label: Any, hint: Any = "", most: int = MAX_TEXT) -> WordsField:
    rows = forms.Textarea(attrs={"rows": 2, "maxlength": most})
    return WordsField(label=label, help_text=hint, required=False, max_length=most, widget=rows)


def _line(label: Any, most: int = 60, **given: Any) -> LineField:
    return LineField(label=label, max_length=most, **{"required": False, **given})


def _number(label: Any, hint: Any = "") -> forms.IntegerField:
    widget = forms.TextInput(attrs={"inputmode": "numeric", "maxlength": 4})
    return forms.IntegerField(label=label, help_text=hint, required=False, widget=widget)


def _day(label: Any, missing: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, error_messages={"required": missing})


class GuardianForm(forms.Form):
    """One guardian; an empty row is none."""

    id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = _line(_("姓名"))
    relation = _line(_("是他的什么人"), 30)
    phone = _line(
        _("电话"), 40, widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"})
    )
    mail = _line(_("邮箱"), 120)
    order = forms.IntegerField(
        label=_("第几个通知"),
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "maxlength": 2}),
    )

    def entry(self, n: int) -> GuardianEntry | None:
        """Return what is written in row `n`, None if it is empty."""
        given = self.cleaned_data
        if not any(given.get(name) for name in ("name", "relation", "phone", "mail")):
            return None
        texts = {name: given.get(name) or "" for name in ("name", "relation", "phone", "mail")}
        order = given.get("order")
        return GuardianEntry(**texts, order=n if order is None else order, id=given.get("id"))


class PersonForm(forms.Form):
    """Everything about a person. The rows of guardians are `rows`."""

    name = _line(_("姓名"), required=True, error_messages={"required": _("请写姓名")})
    sex = forms.ChoiceField(
        label=_("性别"),
        required=False,
        widget=forms.RadioSelect,
        choices=[*SEXES.items(), ("", _("不写"))],
    )
    birth_year = _number(_("出生年份"), _("例如 1944"))
    photo = forms.FileField(
        label=_("照片"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/*"}),
        help_text=_("近照，看得清脸。照片里的拍摄地点会去掉，加密存放。"),
    )
    area = ExactAreaField(
        label=_("住在哪个村、社区或网格"),
        max_length=120,
        widget=AreaInput,
        help_text=_("网格员按这里找到。写几个字，从提示里选。"),
        error_messages={"required": _("请选他住的村、社区或网格，好找到网格员")},
    )
    address = _line(_("门牌"), 120)
    nickname = _line(
        _("怎么称呼他"),
        40,
        required=True,
        help_text=_("例如：桂花奶奶。不要写全名。"),
        error_messages={"required": _("请写怎么称呼他，扫布条的人看得到")},
    )
    advice = _words(_("怎么帮他"), _("例如：请慢慢说话，陪她坐一会儿，不要拉她。"), 400)
    advice_en = _words(_("怎么帮他（英文）"), _("给外国人看，可以不写。"), 800)
    is_ill = forms.BooleanField(label=_("有急病，先让人看到急救电话"), required=False)
    height = _number(_("身高（厘米）"))
    build = _line(_("体型"))
    hair = _line(_("头发"))
    conditions = _words(_("病情"))
    medication = _words(_("用药"))
    habits = _words(_("习惯"))
    calming = _words(_("怎么让他安心"))
    former_homes = _words(_("以前住过的地方"), _("一行写一个。"))
    workplaces = _words(_("以前上班的地方"), _("一行写一个。"))
    heads_for = _words(_("常去、想去的地方"), _("一行写一个，最可能的写在前面。"))
    consent_name = _line(
        _("谁同意的"), required=True, error_messages={"required": _("请写是谁同意的")}
    )
    consent_relation = _line(_("是他的什么人"), 30, help_text=_("本人同意的写“本人”。"))
    consent_on = _day(_("哪天同意的"), _("请写哪天同意的"))
    consent_until = _day(_("同意到哪天"), _("请写同意到哪天"))

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        initial: dict[str, Any] | None = None,
        guardians: Iterable[dict[str, Any]] = (),
    ) -> None:
        """`guardians` are the initial values of the rows, of each stored guardian."""
        super().__init__(data, files, initial=initial or {}, auto_id="p-%s")
        self.fields["area"].widget.attrs["data-areas"] = reverse("geo_areas")
        stored = list(guardians)
        wanted = max(_FEWEST_ROWS, len(stored) + _SPARE_ROWS)
        if data is not None:
            wanted = whole_number(str(data.get("rows", "")), 2) or wanted
        self.rows = [
            GuardianForm(
                data,
                prefix=f"g{n}",
                auto_id="p-%s",
                initial=stored[n - 1] if n <= len(stored) else {"order": n},
            )
            for n in range(1, min(wanted, MOST_GUARDIANS) + 1)
        ]
        self._row_of_entry: list[GuardianForm] = []

    def is_valid(self) -> bool:
        """Are all fields and rows well-formed? The rules follow in `registration.checked`; those of
        guardians at once, so that all faults are shown together.
        """
        rows = all(not row.errors for row in self.rows)
        fields = super().is_valid()
        if rows and not fields:
            self.add_faults(guardian_faults(self._entries()))
        return rows and fields

    def _entries(self) -> list[GuardianEntry]:
        entries, self._row_of_entry = [], []
        for n, row in enumerate(self.rows, 1):
            if entry := row.entry(n):
                entries.append(entry)
                self._row_of_entry.append(row)
        return entries

    def registration(self) -> Registration:
        """Return what is written, once `is_valid`."""
        given = self.cleaned_data
        details = {name: given.get(name) for name in _DETAILS}
        numbers = {name: given.get(name) or 0 for name in ("birth_year", "height")}
        photo = given.get("photo")
        return Registration(
            area=given["area"],
            details=PersonDetails(**{name: text or "" for name, text in details.items()} | numbers),
            card=PublicCard(
                given["nickname"], given["advice"], given["advice_en"], given["is_ill"]
            ),
            consent=Consent(
                given["consent_name"],
                given["consent_relation"],
                given["consent_on"],
                given["consent_until"],
            ),
            guardians=tuple(self._entries()),
            photo=photo.read() if photo else b"",
        )

    def add_faults(self, faults: Iterable[Fault]) -> None:
        """Show faults beside their fields."""
        for fault in faults:
            part, _dot, rest = fault.field.partition(".")
            if part != "guardians":
                self.add_error(part if part in self.fields else None, fault.message)
                continue
            n, _dot, name = rest.partition(".")
            shown = self._row_of_entry or self.rows
            row = shown[int(n) - 1] if n else self.rows[0]
            row.add_error(name or "phone", fault.message)


def initial_of(person: ProtectedPerson, shown: ShownPerson) -> dict[str, Any]:
    """Return the form's initial values for a stored person."""
    details = PersonDetails.of(shown.details)
    stored = {name: getattr(details, name) or None for name in _DETAILS}
    card = {name: getattr(person, name) for name in ("nickname", "advice", "advice_en", "is_ill")}
    return {
        **stored,
        **card,
        "sex": details.sex,
        "area": person.area_id,
        "consent_name": shown.consent.get("name", ""),
        "consent_relation": shown.consent.get("relation", ""),
        "consent_on": person.consent_on,
        "consent_until": person.consent_until,
    }


def initial_rows(guardians: Iterable[Guardian], shown: ShownPerson) -> list[dict[str, Any]]:
    """Return the initial values of the rows for stored guardians."""
    return [
        {
            "id": guardian.pk,
            "order": guardian.order,
            "name": contact.name,
            "relation": contact.relation,
            "phone": contact.phone,
            "mail": contact.mail,
        }
        for guardian, contact in zip(guardians, shown.guardians, strict=True)
    ]


def today_initial(area: str) -> dict[str, Any]:
    """Return the initial values for a new person."""
    return {"consent_on": timezone.localdate(), "area": area}
