"""Schema of filings from other systems, and the cached codes that their drafts are checked with."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)

from yinghu.api.problems import FieldError, invalid, validation_error
from yinghu.api.types import Code, Short, Storable, storable, text_limits
from yinghu.appeals.channels import Door, channels_of
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Category
from yinghu.appeals.policies import policy
from yinghu.appeals.states import Urgency
from yinghu.intake import drafts
from yinghu.intake.drafts import MAX_ADDRESS, MAX_ANSWER, MAX_BODY, MAX_NAME, MAX_PHONE, MAX_TITLE
from yinghu.places.models import Area, Place

MAX_ANSWERS = 40


def _as_text(given: Any) -> Any:
    """Refuse numbers, which pydantic would take for seconds since 1970."""
    if isinstance(given, str | datetime) or given is None:
        return given
    raise validation_error("bad_time", _("时间要写成 2026-02-17T09:30:00+08:00"))


def _answer(given: Any) -> Any:
    if isinstance(given, str):
        if len(given) > MAX_ANSWER:
            raise validation_error(
                "string_too_long", _("最多 %(max_length)s 个字") % {"max_length": MAX_ANSWER}
            )
        return storable(given)
    if given is None or isinstance(given, bool):
        return given
    # The range that every JSON reader keeps exactly.
    if isinstance(given, int | float) and abs(given) <= 2**53:
        return given
    raise validation_error("bad_answer", _("必须是文字、数字、true、false 或 null"))


_Answer = Annotated[
    Any,
    AfterValidator(_answer),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"], "maxLength": MAX_ANSWER}),
]


class DraftIn(BaseModel):
    """One appeal to be filed. Only `body` is needed, or a category with an answer."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    body: Annotated[str, text_limits(MAX_BODY, 1), Storable] = Field(
        default="",
        description="What the requester says. May be left out where a category is given and at "
        "least one of its questions answered: then it is made from the answers.",
    )
    title: Annotated[str, text_limits(MAX_TITLE), Storable] = ""
    category: Code | None = Field(default=None, description="A category's code, where known.")
    area: Code | None = Field(
        default=None,
        description="An area's code, where known; else it is told by the address and the point.",
    )
    place: Code | None = Field(
        default=None, description="A sticker's code; gives area and point where they are absent."
    )
    # A point far from the city is refused; see `docs/channels.md`.
    lon: Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)] | None = None
    lat: Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)] | None = None
    coordinates: Literal["wgs84", "gcj02"] = Field(
        default="wgs84", description="Phones give WGS-84, WeChat and Chinese maps GCJ-02."
    )
    name: Annotated[str, text_limits(MAX_NAME), Storable] = ""
    phone: Annotated[str, text_limits(MAX_PHONE), Storable] = Field(
        default="",
        description="Sealed at rest, masked everywhere. A number that cannot be verified is kept "
        "as written.",
    )
    address: Annotated[str, text_limits(MAX_ADDRESS), Storable] = ""
    answers: dict[Code, _Answer] = Field(
        default_factory=dict,
        max_length=MAX_ANSWERS,
        description="Answers to the category's questions by their keys.",
    )
    urgency: Annotated[StrictInt, Field(ge=min(Urgency).value, le=max(Urgency).value)] = 1
    said_at: Annotated[AwareDatetime, BeforeValidator(_as_text)] | None = Field(
        default=None,
        description="When it was said, where that was earlier; with its time zone.",
    )
    language: Annotated[
        str, StringConstraints(strict=True, pattern=r"^[a-z]{2,3}(-[a-z]{2,4})?$")
    ] = Field(default="zh-hans", description="The requester's language.")
    external_id: Annotated[str, text_limits(100, 1), Storable] | None = Field(
        default=None,
        description="Your own id of it: sent again, it is the same appeal. "
        "The Idempotency-Key header does the same.",
    )
    channel: Short = Field(
        default="api",
        description="Under which channel it is counted and routed.",
        json_schema_extra={"enum": list(channels_of(Door.API))},
    )

    def draft(self) -> drafts.Draft:
        """Return it as the draft that every door makes."""
        given = self.model_dump(exclude={"external_id", "coordinates"})
        codes = {name: given[name] or "" for name in ("category", "area", "place")}
        return drafts.Draft(Door.API, gcj02=self.coordinates == "gcj02", **(given | codes))


class Catalogue:
    """In-memory cache of the codes of categories, areas and places.

    Call `read` before `filing` unless the cache is `fresh` for the draft.
    """

    MAX_AGE_SECONDS = 60.0
    RETRY_SECONDS = 1.0
    MAX_PLACES = 20_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = -1e9
        self.categories: dict[str, Category] = {}
        self.areas: frozenset[str] = frozenset()
        self.places: dict[str, tuple[float, Place | None]] = {}
        self.margin_km = 0

    def fresh(self, draft: drafts.Draft) -> bool:
        """Can this draft be checked without the database?"""
        if draft.needs_map:
            return False
        age = self._clock() - self._read_at
        missing = (draft.category and draft.category not in self.categories) or (
            draft.area and draft.area not in self.areas
        )
        if missing and age > self.RETRY_SECONDS:
            return False
        if (draft.category or draft.area) and age > self.MAX_AGE_SECONDS:
            return False
        return not draft.place or self.places.get(draft.place, (-1e9, None))[0] > self._clock()

    def read(self, draft: drafts.Draft) -> None:
        """Read what this draft is checked against; at most four statements."""
        with self._lock:
            if self._clock() - self._read_at > self.RETRY_SECONDS:
                self.categories = {each.pk: each for each in Category.objects.filter(active=True)}
                self.areas = frozenset(
                    Area.objects.filter(retired_at=None).values_list("pk", flat=True)
                )
                self.margin_km = policy("city_margin_km")
                self._read_at = self._clock()
            known_until, _row = self.places.get(draft.place, (-1e9, None))
            if draft.place and known_until <= self._clock():
                row = Place.objects.filter(code=draft.place, active=True).first()
                if len(self.places) >= self.MAX_PLACES:
                    self.places.clear()
                until = self._clock() + (self.MAX_AGE_SECONDS if row else self.RETRY_SECONDS)
                self.places[draft.place] = (until, row)

    def filing(self, draft: drafts.Draft) -> Filing:
        """Check the draft. Raises Problem with every fault."""
        place = self.places.get(draft.place, (0.0, None))[1]
        places = {draft.place: place} if place else {}
        city = drafts.City(self.categories, places, self.areas, self.margin_km)
        report = drafts.check(draft, city)
        if report.faults:
            raise invalid(
                FieldError(fault.field, fault.code, fault.words) for fault in report.faults
            )
        return report.filing
