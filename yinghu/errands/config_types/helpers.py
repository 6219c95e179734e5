"""Configuration type of fixed buyers and couriers, who are offered a group's legs first."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.common.config_types.config_form import ConfigForm, State
from yinghu.common.config_types.config_type import Field, with_code
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField, PickerSelect
from yinghu.common.language import name_of
from yinghu.errands.config_types.errands import PlaceContext
from yinghu.errands.models import TAKEN_ALONE, FixedHelper, LegKind
from yinghu.people.access import JOINED
from yinghu.people.models import Post, Unit, User


class HelperContext(PlaceContext):
    """Form context with people who have posts, and the active places by code."""

    @cached_property
    def people(self) -> list[tuple[str, str]]:
        """Login and display name of everyone with a post in a group or a squad."""
        posts = Post.objects.filter(active=True, user__is_active=True, unit__kind__in=JOINED)
        users = User.objects.filter(pk__in=posts.values("user")).order_by("username")
        return [(user.username, with_code(str(user), user.username)) for user in users]


class HelperForm(ConfigForm):
    fixed = ("unit", "kind", "user", "place")

    unit = forms.ChoiceField(widget=PickerSelect)
    kind = forms.ChoiceField()
    user = forms.ChoiceField(widget=PickerSelect)
    place = LineField(max_length=120, required=False)

    context: HelperContext

    def prepare(self) -> None:
        if self.key:
            return
        units = [
            (code, name_of(unit))
            for code, unit in self.context.all_of(Unit).items()
            if unit.active and unit.kind in JOINED
        ]
        # Both sides of a hand-over follow from the legs around it.
        kinds = [(k.value, str(k.label)) for k in TAKEN_ALONE]
        known, choose = _("、").join(value for value, _label in kinds), _("请选择")
        self.choose("unit", units, _("没有代码为 %(value)s 的在用的组或队"), choose)
        self.choose("kind", kinds, _("应是这几个之一：%s") % known, choose)
        self.choose("user", self.context.people, _("没有登录名为 %(value)s 的组员或队员"), choose)
        self.fields["place"].widget.attrs |= {"list": "setup-places", "autocomplete": "off"}

    def clean_place(self) -> str:
        """Accept a code, as the suggestions begin with it, or an unambiguous name."""
        text: str = self.cleaned_data["place"]
        if not text:
            return ""
        places = self.context.places
        if (code := text.split()[0]) in places:
            return code
        named = [code for code, name in places.items() if name == text]
        if len(named) != 1:
            raise ValidationError(_("没有找到这个点位，请从提示里选，或写它的代码"))
        return named[0]

    def clean(self) -> State:
        given: State = super().clean() or {}
        if self.key or self.errors:
            return given
        posts = Post.objects.filter(
            user__username=given["user"], unit__code=given["unit"], active=True
        )
        if not posts.exists():
            self.add_error("user", _("这个人不在这个组里，请先给他这里的岗位"))
        elif HELPERS.key_for(given) in self.context.states:
            raise ValidationError(_("这个人已经是了"))
        return given


class HelperType(ModelType):
    model = FixedHelper
    order = ("unit__name", "kind", "user__username", "pk")
    needed = ("unit", "kind", "user")
    name = "helper"
    icon = "truck-delivery"
    title = gettext_lazy("固定跑腿的人")
    one = pgettext_lazy("one", "固定跑腿的人")
    why = gettext_lazy("组里自己的采购员、配送员：这一种步骤先问他，他不行再问别人。")
    form = HelperForm
    context = HelperContext
    fields = (
        Field("unit", gettext_lazy("哪个组或队"), target=Unit),
        Field("kind", gettext_lazy("做什么"), choices=LegKind),
        Field("user", gettext_lazy("谁"), gettext_lazy("要在这个组里有岗位。")),
        Field(
            "place",
            gettext_lazy("只在哪个点位"),
            gettext_lazy("例如只在一家医院排队；空着就是哪里都行。从提示里选。"),
        ),
    )
    heads = (gettext_lazy("哪个组或队"), gettext_lazy("做什么"), gettext_lazy("点位"))
    row_icon = "truck-delivery"
    shows_key = False

    def label(self, row: FixedHelper) -> str:
        return f"{row.user} · {LegKind(row.kind).label} · {name_of(row.unit)}"

    def heading(self, row: FixedHelper) -> str:
        return str(row.user)

    def note(self, row: FixedHelper) -> str:
        return row.user.username

    def search_words(self, row: FixedHelper) -> tuple[str, ...]:
        place = row.place.name if row.place else ""
        said = (str(row.user), row.user.username, row.unit.name, row.unit.name_en)
        return (*said, str(LegKind(row.kind).label), place)

    def list_cells(self, rows: Sequence[FixedHelper]) -> list[Sequence[str]]:
        return [
            (
                name_of(each.unit),
                str(LegKind(each.kind).label),
                each.place.name if each.place else _("哪里都行"),
            )
            for each in rows
        ]

    def restore_obstacle(self, row: FixedHelper, states: Mapping[str, State] | None = None) -> str:
        here = Post.objects.filter(user=row.user, unit=row.unit, active=True)
        return "" if here.exists() else _("这个人不在这个组里，请先给他这里的岗位")


HELPERS = HelperType()
