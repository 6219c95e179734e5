"""Drafts: what a door read of a message, with one set of checks and one report for all doors.

A door parses its own form into a `Draft`, calls `check`, and turns the faults of the `Report` into
its own answer: a problem document, an error beside a field, a rejected row. What a door can do
without (`Report.do_without`) is left out of the appeal, and staff read that it was.
"""

import math
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals.body_from_answers import body_of
from yinghu.appeals.channels import Door, channels_of
from yinghu.appeals.filing import LEFT_OUT, Filing
from yinghu.appeals.models import Category
from yinghu.appeals.policies import policy
from yinghu.appeals.states import Urgency
from yinghu.common import text_cleaning
from yinghu.common.photos import StoredPhoto
from yinghu.common.privacy.phones import MAX_WRITTEN, phone_to_keep
from yinghu.places import locate
from yinghu.places.area_fields import CERTAIN
from yinghu.places.coords import gcj_to_wgs
from yinghu.places.models import Place

MAX_BODY: Final = 20_000
"""Characters; the longest letters to a city's mailbox that we have seen had 9,000."""
MAX_TITLE: Final = 200
MAX_NAME: Final = 100
MAX_ADDRESS: Final = 300
MAX_PHONE: Final = MAX_WRITTEN
MAX_ANSWER: Final = 20_000
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE: Final = timedelta(minutes=15)
"""How far a sender's clock may be ahead of ours."""
NULL_ISLAND: Final = 0.001
"""Degrees around 0,0, which devices send that have no position; no city lies there."""
POINT: Final = frozenset({"lon", "lat"})
"""Fields of a point, for `Report.do_without`."""


@dataclass(slots=True)
class Draft:
    """A message as its door has read it; texts and codes may still be anything.

    `lon` and `lat` are degrees, of GCJ-02 if `gcj02`, else of WGS-84; NaN stands for a number that
    could not be read. `said_at` has a time zone. `caller` is the channel's id of the sender.
    """

    door: Door
    channel: str
    # Private data must not appear in a traceback or a log.
    body: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    caller: str = field(default="", repr=False)
    category: str = ""
    area: str = ""
    place: str = ""
    urgency: int = Urgency.NORMAL.value
    lon: float | None = None
    lat: float | None = None
    gcj02: bool = False
    answers: dict[str, object] = field(default_factory=dict, repr=False)
    language: str = "zh-hans"
    said_at: datetime | None = None
    photos: tuple[StoredPhoto, ...] = ()

    @property
    def needs_map(self) -> bool:
        """Does its area or its point have to be looked up among the areas?"""
        located = bool(self.area or self.place)
        return self.lon is not None or self.lat is not None or bool(self.address and not located)


@dataclass(frozen=True, slots=True)
class City:
    """What drafts are checked against: the active categories and places that they may name.

    `areas` are the codes of active areas (default: as known to `locate`); `margin_km` is the policy
    of this name (default: read when it is needed).
    """

    categories: Mapping[str, Category]
    places: Mapping[str, Place] = field(default_factory=dict)
    areas: Container[str] | None = None
    margin_km: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that cannot be taken: its field, a stable code, and what is wrong, in words."""

    field: str
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Report:
    """The appeal of a draft without the values at fault, and their faults."""

    filing: Filing
    faults: tuple[Fault, ...]

    def do_without(self, fields: Collection[str]) -> tuple[list[Fault], list[Fault]]:
        """Split the faults: those that refuse the draft, and those of `fields`, without which it
        can be filed. The filing tells staff of the latter.
        """
        needed = [fault for fault in self.faults if fault.field not in fields]
        spared = [fault for fault in self.faults if fault.field in fields]
        codes = dict.fromkeys(fault.code for fault in spared if fault.code in LEFT_OUT)
        self.filing.left_out += tuple(codes)
        return needed, spared


def read_point(lon: str, lat: str) -> tuple[float | None, float | None]:
    """Read the two texts of a point for a `Draft`: (None, None) if both are empty."""
    if not lon and not lat:
        return None, None
    try:
        return float(lon), float(lat)
    except ValueError:
        return math.nan, math.nan


def check(draft: Draft, city: City) -> Report:
    """Check a draft by the rules that hold at every door."""
    filing = Filing(
        body="",
        channel=draft.channel,
        caller=draft.caller,
        urgency=draft.urgency,
        language=draft.language,
        photos=draft.photos,
    )
    faults = [
        *_check_channel(draft),
        *_check_codes(draft, city, filing),
        *_check_answers(draft, filing),
        *_check_texts(draft, city, filing),
        *_check_phone(draft, filing),
        *_check_time(draft, filing),
        *_check_point(draft, city, filing),
    ]
    # A refused code needs no guess, and what needs no look at the map can be checked anywhere.
    if not filing.area and not {"area", "place"} & {fault.field for fault in faults}:
        filing.area = _area_of(filing)
    return Report(filing, tuple(faults))


def _check_channel(draft: Draft) -> Iterator[Fault]:
    known = channels_of(draft.door)
    if draft.channel not in known:
        words = _("没有这个渠道，只能是 %s") % _("、").join(known)
        yield Fault("channel", "unknown_channel", words)


def _check_codes(draft: Draft, city: City, filing: Filing) -> Iterator[Fault]:
    if draft.category in city.categories:
        filing.category = draft.category
    elif draft.category:
        words = _("没有这个类别：%s") % draft.category[:60]
        yield Fault("category", "unknown_category", words)
    areas = locate.known_areas() if city.areas is None and draft.area else city.areas
    if areas is not None and draft.area in areas:
        filing.area = draft.area
    elif draft.area:
        yield Fault("area", "unknown_area", _("没有这个区域：%s") % draft.area[:60])
    place = city.places.get(draft.place)
    if place is not None:
        filing.place, filing.lon, filing.lat = place.pk, place.lon, place.lat
        filing.area = filing.area or place.area_id
    elif draft.place:
        yield Fault("place", "unknown_place", _("没有这个点位：%s") % draft.place[:60])


def _check_answers(draft: Draft, filing: Filing) -> Iterator[Fault]:
    for key, answer in draft.answers.items():
        if isinstance(answer, str):
            answer = text_cleaning.clean_words(answer)
            if len(answer) > MAX_ANSWER:
                yield _too_long(f"answers.{key}", len(answer), MAX_ANSWER)
                continue
            if "\x00" in answer:
                yield _unstorable(f"answers.{key}")
                continue
        filing.answers[key] = answer


def _check_texts(draft: Draft, city: City, filing: Filing) -> Iterator[Fault]:
    body = text_cleaning.clean_words(draft.body)
    category = city.categories.get(draft.category)
    if draft.body.strip() and not body:
        yield Fault("body", "nothing_visible", _("没有看得见的文字"))
    elif len(body) > MAX_BODY:
        yield _too_long("body", len(body), MAX_BODY)
    elif not body:
        body = body_of(category, filing.answers, draft.language) if category else ""
        if not body:
            words = _("必须填写；给出了类别，并至少回答了它的一个问题的，可以不填")
            yield Fault("body", "missing", words)
    filing.body = body
    if "\x00" in body:
        yield _unstorable("body")
    for name, most in (("title", MAX_TITLE), ("name", MAX_NAME), ("address", MAX_ADDRESS)):
        text = text_cleaning.clean_line(getattr(draft, name))
        if len(text) > most:
            yield _too_long(name, len(text), most)
        elif "\x00" in text:
            yield _unstorable(name)
        else:
            setattr(filing, name, text)


def _too_long(name: str, length: int, most: int) -> Fault:
    words = _("有 %(length)d 个字，最多 %(most)d 个字") % {"length": length, "most": most}
    return Fault(name, "string_too_long", words)


def _unstorable(name: str) -> Fault:
    return Fault(name, "bad_text", _("文字里有不能保存的字符"))


def _check_phone(draft: Draft, filing: Filing) -> Iterator[Fault]:
    text = text_cleaning.clean_line(draft.phone)
    filing.phone = phone_to_keep(text)
    if text and not filing.phone:
        yield Fault("phone", "bad_phone", _("这个号码打不通，请核对；也可以不留"))


def _check_time(draft: Draft, filing: Filing) -> Iterator[Fault]:
    filing.said_at = draft.said_at
    if draft.said_at is None:
        return
    if draft.said_at < EARLIEST:
        yield Fault("said_at", "bad_time", _("时间太早"))
    elif draft.said_at > timezone.now() + CLOCK_TOLERANCE:
        yield Fault("said_at", "bad_time", _("时间在将来"))


def _check_point(draft: Draft, city: City, filing: Filing) -> Iterator[Fault]:
    lon, lat = draft.lon, draft.lat
    if lon is None and lat is None:
        return
    if lon is None or lat is None:
        yield Fault("lon" if lon is None else "lat", "missing", _("经度和纬度要一起给"))
        return
    if not (abs(lon) <= 180 and abs(lat) <= 90):  # also of NaN
        yield Fault(
            "lon", "bad_point", _("位置看不懂：经度在 -180 到 180 之间，纬度在 -90 到 90 之间")
        )
        return
    if abs(lon) < NULL_ISLAND and abs(lat) < NULL_ISLAND:
        yield Fault("lon", "null_point", _("位置是 0,0：设备没有定到位"))
        return
    if draft.gcj02:
        lon, lat = gcj_to_wgs(lon, lat)
    margin = policy("city_margin_km") if city.margin_km is None else city.margin_km
    if is_far(lon, lat, margin):
        words = _("位置离本市 %d 公里以上，请核对经度和纬度有没有写反") % margin
        yield Fault("lon", "far_point", words)
        return
    filing.lon, filing.lat = lon, lat


def is_far(lon: float, lat: float, margin_km: int) -> bool:
    """Is a point (WGS-84 degrees) outside the city by more than the margin?

    A city that has neither outlines nor centres of areas cannot tell.
    """
    outside = locate.metres_outside(lon, lat)
    return outside is not None and outside > margin_km * 1000


def _area_of(filing: Filing) -> str | None:
    """Find the area of a filing that names none: the words of its address are more certain than its
    point, which may lie deeper in the same area.
    """
    matches = locate.by_words(filing.address) if filing.address else []
    named = matches[0].area.pk if matches and matches[0].confidence >= CERTAIN else ""
    if filing.lon is not None and filing.lat is not None:
        found = locate.by_point(filing.lon, filing.lat)
        if found is not None and found.pk.startswith(named):
            return found.pk
    return named or None
