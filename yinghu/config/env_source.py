"""Settings source for pydantic-settings: strict reading of environment variables.

The library ignores unknown names and supports neither NAME_FILE nor messages that name the
variable.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class EnvError(Exception):
    """One or more variables cannot be used; `problems` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class VariableSource(PydanticBaseSettingsSource):
    """Settings source: each variable, or the file that its NAME_FILE names.

    Reading errors and unknown YINGHU_* names are passed on: the class reports all problems at once.
    """

    def __init__(self, settings_class: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_class)
        self.environ = environ
        self.names = {name: str(f.alias) for name, f in settings_class.model_fields.items()}
        self.places: dict[str, str] = {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text or None, the name of the variable, and False: it is never JSON."""
        name = self.names[field_name]
        text, file = self.environ.get(name), self.environ.get(f"{name}_FILE")
        if file is not None:
            if text is not None:
                raise ValueError(f"given twice, also as {name}_FILE; keep one of them")
            self.places[name] = f"{name}_FILE"
            try:
                text = Path(file).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"cannot read {file}: {error}") from None
            self.places[name] = f"{name}_FILE ({file})"
        text = text and text.strip()
        if text == "" and field.default is None:
            raise ValueError("is empty; give a value or leave it out")
        return None if text == field.default else text, name, False

    def __call__(self) -> dict[str, Any]:
        known = self.names.values()
        found: dict[str, Any] = {
            name: ""
            for name in self.environ
            if name.startswith("YINGHU_") and name.removesuffix("_FILE") not in known
        }
        for field_name, field in self.settings_cls.model_fields.items():
            try:
                found[self.names[field_name]] = self.get_field_value(field, field_name)[0]
            except ValueError as error:
                found[self.names[field_name]] = error
        return {name: value for name, value in found.items() if value is not None}

    def problem(self, error: Mapping[str, Any]) -> str:
        """Say what one of pydantic's errors means, where it is and what to do."""
        name = self.names.get(error["loc"][0], error["loc"][0])
        if error["type"] != "extra_forbidden":
            return f"{self.places.get(name, name)}: {error['ctx']['error']}"
        near = difflib.get_close_matches(name.removesuffix("_FILE"), self.names.values(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{name}: there is no such variable{hint}"
