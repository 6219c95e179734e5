"""Schema of filings from other systems, and the cached catalogue that checks their codes."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
from yinghu.api.types import Code, Line, Short, Storable, storable, text_limits
from yinghu.appeals.body_from_answers import body_of
from yinghu.appeals.channels import CHANNELS
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Category
from yinghu.appeals.states import Urgency
from yinghu.common import text_cleaning
from yinghu.common.privacy.phones import normal_phone
from yinghu.places.coords import gcj_to_wgs
from yinghu.places.models import Area, Place

MAX_BODY = 10_000
MAX_ANSWERS = 40
MAX_ANSWER = 2_000
OPEN_CHANNELS = tuple(code for code, channel in CHANNELS.items() if channel.by_api)
"""Channels that other systems may file under: all but our own."""


def _body(given: str) -> str:
    body = text_cleaning.clean_words(given)
    if not body:
        raise validation_error("nothing_visible", _("没有看得见的文字"))
    return body


def _phone(given: str) -> str:
    given = text_cleaning.clean_line(given)
    phone = normal_phone(given) if given else ""
    if given and not phone:
        raise validation_error("bad_phone", _("这不是电话号码"))
    return phone


def _channel(name: str) -> str:
    if name not in OPEN_CHANNELS:
        known = _("、").join(OPEN_CHANNELS)
        raise validation_error("unknown_channel", _("没有这个渠道，只能是 %s") % known)
    return name


def _as_text(given: Any) -> Any:
    """Refuse numbers, which pydantic would take for seconds since 1970."""
    if isinstance(given, str | datetime) or given is None:
        return given
    raise validation_error("bad_time", _("时间要写成 2026-02-17T09:30:00+08:00"))


def _when(moment: datetime) -> datetime:
    if moment < datetime(1970, 1, 1, tzinfo=UTC):
        raise validation_error("bad_time", _("时间太早"))
    # Tolerates wrong clocks and time zones of other systems.
    if moment > datetime.now(UTC) + timedelta(days=1):
        raise validation_error("bad_time", _("时间在将来"))
    return moment


def _answer(given: Any) -> Any:
    if isinstance(given, str):
        if len(given) > MAX_ANSWER:
            raise validation_error(
                "string_too_long", _("最多 %(max_length)s 个字") % {"max_length": MAX_ANSWER}
            )
        return storable(text_cleaning.clean_words(given))
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
_Plain = AfterValidator(text_cleaning.clean_line)


class Draft(BaseModel):
    """One appeal to be filed. Only `body` is needed, or a category with an answer."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    body: Annotated[str, text_limits(MAX_BODY, 1), Storable, AfterValidator(_body)] = Field(
        default="",
        description="What the requester says. May be left out where a category is given and at "
        "least one of its questions answered: then it is made from the answers.",
    )
    title: Annotated[Line, _Plain] = ""
    category: Code | None = Field(default=None, description="A category's code, where known.")
    area: Code | None = Field(default=None, description="An area's code, where known.")
    place: Code | None = Field(
        default=None, description="A sticker's code; gives area and point where they are absent."
    )
    lon: Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)] | None = None
    lat: Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)] | None = None
    coordinates: Literal["wgs84", "gcj02"] = Field(
        default="wgs84", description="Phones give WGS-84, WeChat and Chinese maps GCJ-02."
    )
    name: Annotated[Short, _Plain] = ""
    phone: Annotated[str, text_limits(40), AfterValidator(_phone)] = Field(
        default="", description="Sealed at rest, masked everywhere."
    )
    address: Annotated[Line, _Plain] = ""
    answers: dict[Code, _Answer] = Field(
        default_factory=dict,
        max_length=MAX_ANSWERS,
        description="Answers to the category's questions by their keys.",
    )
    urgency: Annotated[StrictInt, Field(ge=min(Urgency).value, le=max(Urgency).value)] = 1
    said_at: Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_when)] | None = (
        Field(
            default=None,
            description="When it was said, where that was earlier; with its time zone.",
        )
    )
    language: Annotated[
        str, StringConstraints(strict=True, pattern=r"^[a-z]{2,3}(-[a-z]{2,4})?$")
    ] = Field(default="zh-hans", description="The requester's language.")
    external_id: Annotated[str, text_limits(100, 1), Storable] | None = Field(
        default=None,
        description="Your own id of it: sent again, it is the same appeal. "
        "The Idempotency-Key header does the same.",
    )
    channel: Annotated[Short, AfterValidator(_channel)] = Field(
        default="api",
        description="Under which channel it is counted and routed.",
        json_schema_extra={"enum": list(OPEN_CHANNELS)},
    )


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

    def fresh(self, draft: Draft) -> bool:
        """Can the codes of this draft be checked without the database?"""
        age = self._clock() - self._read_at
        missing = (draft.category is not None and draft.category not in self.categories) or (
            draft.area is not None and draft.area not in self.areas
        )
        if missing and age > self.RETRY_SECONDS:
            return False
        if (draft.category is not None or draft.area is not None) and age > self.MAX_AGE_SECONDS:
            return False
        return draft.place is None or self.places.get(draft.place, (-1e9, None))[0] > self._clock()

    def read(self, draft: Draft) -> None:
        """Read the codes that this draft uses; at most three statements."""
        with self._lock:
            if draft.category is not None or draft.area is not None:
                self.categories = {each.pk: each for each in Category.objects.filter(active=True)}
                self.areas = frozenset(
                    Area.objects.filter(retired_at=None).values_list("pk", flat=True)
                )
                self._read_at = self._clock()
            if draft.place is not None:
                row = Place.objects.filter(code=draft.place, active=True).first()
                if len(self.places) >= self.MAX_PLACES:
                    self.places.clear()
                until = self._clock() + (self.MAX_AGE_SECONDS if row else self.RETRY_SECONDS)
                self.places[draft.place] = (until, row)

    def filing(self, draft: Draft) -> Filing:
        """Convert the draft. Raises Problem for codes that do not exist."""
        errors: list[FieldError] = []
        if draft.category is not None and draft.category not in self.categories:
            words = _("没有这个类别：%s") % draft.category
            errors.append(FieldError("category", "unknown_category", words))
        if draft.area is not None and draft.area not in self.areas:
            words = _("没有这个区域：%s") % draft.area
            errors.append(FieldError("area", "unknown_area", words))
        spot: Place | None = None
        if draft.place is not None:
            spot = self.places.get(draft.place, (0.0, None))[1]
            if spot is None:
                words = _("没有这个点位：%s") % draft.place
                errors.append(FieldError("place", "unknown_place", words))
        if (draft.lon is None) != (draft.lat is None):
            missing = "lon" if draft.lon is None else "lat"
            errors.append(FieldError(missing, "missing", _("经度和纬度要一起给")))
        category = self.categories.get(draft.category or "")
        body = draft.body or (category and body_of(category, draft.answers, draft.language)) or ""
        if not body and not errors:
            words = _("必须填写；给出了类别，并至少回答了它的一个问题的，可以不填")
            errors.append(FieldError("body", "missing", words))
        if errors:
            raise invalid(errors)
        lon, lat = draft.lon, draft.lat
        if lon is not None and lat is not None and draft.coordinates == "gcj02":
            lon, lat = gcj_to_wgs(lon, lat)
        if spot is not None and lon is None:
            lon, lat = spot.lon, spot.lat
        return Filing(
            body=body,
            channel=draft.channel,
            title=draft.title,
            name=draft.name,
            phone=draft.phone,
            address=draft.address,
            category=draft.category,
            urgency=draft.urgency,
            area=draft.area or (spot.area_id if spot else None),
            place=spot.pk if spot else None,
            lon=lon,
            lat=lat,
            answers=draft.answers,
            language=draft.language,
            said_at=draft.said_at,
        )
