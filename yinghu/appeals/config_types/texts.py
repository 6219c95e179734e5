"""Configuration of the texts in `appeals.city_texts`, each with our default."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from yinghu.appeals import city_texts
from yinghu.appeals.models import Text
from yinghu.common.config_types.config_form import ConfigForm, State
from yinghu.common.config_types.config_type import ConfigType, Field
from yinghu.common.form_fields import WordsField


class TextForm(ConfigForm):
    fixed = ("place",)

    place = forms.CharField(max_length=40)
    words = WordsField(required=False)
    words_en = WordsField(required=False)

    def prepare(self) -> None:
        if self._place and self._place.same_everywhere:
            del self.fields["words_en"]
            self.fields["words"].label = pgettext("text", "内容")
        for name, most in self._most().items():
            self.fields[name].widget = (
                forms.Textarea(attrs={"rows": 3, "maxlength": most})
                if most > 60
                else forms.TextInput(attrs={"maxlength": most})
            )

    def _most(self) -> dict[str, int]:
        """Longest text by field; English takes more characters."""
        most = self._place.most if self._place else 0
        longest = {"words": most, "words_en": most * 3} if most else {}
        return {name: each for name, each in longest.items() if name in self.fields}

    @property
    def _place(self) -> city_texts.CityText | None:
        return city_texts.TEXTS.get(self.key)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if self.key not in city_texts.TEXTS:
            raise ValidationError(_("没有叫这个的文字：%s") % self.data.get("place", ""))
        for name, most in self._most().items():
            if len(cleaned.get(name, "")) > most:
                self.add_error(name, _("太长了，这里最多 %d 个字") % most)
        self._check_pattern(cleaned)
        return cleaned

    def _check_pattern(self, cleaned: State) -> None:
        place, words = self._place, cleaned.get("words", "")
        if place and place.pattern and words and not re.fullmatch(place.pattern, words):
            self.add_error("words", _("要写成这样：%s") % place.example)
        if place and place.same_everywhere and self.data.get("words_en"):
            raise ValidationError(_("这一项各种语言都一样，只写一个，不用再写英文的"))


class TextType(ConfigType):
    name = "text"
    icon = "message"
    title = gettext_lazy("文字")
    one = pgettext_lazy("one", "文字")
    why = gettext_lazy("平台的名称、首页的话、热线号码、贴纸上的大字，改成本地的说法。")
    form = TextForm
    fields = (
        Field("place", gettext_lazy("哪里")),
        Field("words", gettext_lazy("中文")),
        Field("words_en", gettext_lazy("英文")),
    )
    heads = (gettext_lazy("中文"), gettext_lazy("英文"))
    creates = False
    retires = False
    shows_key = False

    def rows(self) -> Iterable[Text]:
        own = {text.key: text for text in Text.objects.all()}
        return [own.get(key) or Text(key=key) for key in city_texts.TEXTS]

    def key_values(self, row: Text) -> State:
        return {"place": row.key}

    def state(self, row: Text) -> State:
        return {"words": row.words, "words_en": row.words_en}

    def write(self, row: Text, values: State) -> None:
        for name, value in values.items():
            setattr(row, name, value)
        if row.words or row.words_en:
            row.save()
        else:
            Text.objects.filter(pk=row.pk).delete()

    def refresh(self) -> None:
        city_texts.refresh_texts()

    def label(self, row: Text) -> str:
        return _(city_texts.TEXTS[row.key].where)

    def search_words(self, row: Text) -> tuple[str, ...]:
        return (row.key, self.label(row), row.words, row.words_en)

    def note(self, row: Text) -> str:
        return _("本地写的") if row.words or row.words_en else _("还是原来的")

    def list_cells(self, rows: Sequence[Text]) -> list[Sequence[str]]:
        return [
            (
                text.words or default_text(text.key, "zh-hans"),
                text.words_en or default_text(text.key, "en"),
            )
            for text in rows
        ]

    def extras(self, row: Text) -> dict[str, Any]:
        return {
            "ours": default_text(row.key, "zh-hans"),
            "ours_en": default_text(row.key, "en"),
            "changed": bool(row.words or row.words_en),
        }

    def count(self) -> int:
        return len(city_texts.TEXTS)

    def warnings(self) -> list[str]:
        if not Text.objects.filter(key="hotline").exclude(words="").exists():
            return [_("还没有写热线电话：贴纸和页脚上没有电话可打。")]
        half = Text.objects.exclude(words="").filter(words_en="").values_list("key", flat=True)
        names = [
            _(city_texts.TEXTS[key].where)
            for key in half
            if key in city_texts.TEXTS
            and key != "hotline"
            and not city_texts.TEXTS[key].same_everywhere
        ]
        return [_("只写了中文，英文页面上还是原来的：%s") % _("、").join(names)] if names else []


def default_text(key: str, language: str) -> str:
    """Return our default for a text."""
    said = city_texts.TEXTS[key].default
    with translation.override(language):
        return _(said) if said else ""


TEXTS = TextType()
