"""Form fields without domain knowledge."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from yinghu.common import text_cleaning
from yinghu.common.pinyin import initials


class WordsField(forms.CharField):
    """Free text; empty if nothing in it is visible."""

    def to_python(self, value: Any) -> str:
        return text_cleaning.clean_words(str(super().to_python(value)))


class LineField(forms.CharField):
    """A single line without invisible characters: a name, an address, a phone number."""

    def to_python(self, value: Any) -> str:
        return " ".join(text_cleaning.clean_line(str(super().to_python(value))).splitlines())


class InitialsWidget(forms.widgets.ChoiceWidget):
    """Choices whose options carry their pinyin initials, by which `picker.js` finds them."""

    def create_option(self, *args: Any, **given: Any) -> dict[str, Any]:
        option = super().create_option(*args, **given)
        option["attrs"]["data-initials"] = initials(str(option["label"]))
        return option


class PickerSelect(InitialsWidget, forms.Select):
    """A select that `picker.js` makes searchable."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.attrs["data-picker"] = ""


class RowsInput(forms.Widget):
    """A widget for a small table inside a form, or the JSON of a file's cell.

    The page's template renders inputs `<prefix>-<index>-<part>`; each row has a part `kind`.
    """

    def __init__(self, prefix: str, parts: Sequence[str], most: int) -> None:
        super().__init__()
        self.prefix, self.parts, self.most = prefix, parts, most

    def typed(self, data: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the rows of the submitted page, in order."""
        index = re.compile(rf"{self.prefix}-(\d{{1,3}})-kind")
        indices = sorted(int(found[1]) for name in data if (found := index.fullmatch(name)))
        return [
            {part: str(data.get(f"{self.prefix}-{n}-{part}", "")) for part in self.parts}
            for n in indices[: self.most + 5]
        ]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data[name] if name in data else self.typed(data)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False
