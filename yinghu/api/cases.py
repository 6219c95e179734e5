"""Read endpoints for appeals: list, detail, photos, and the logged reveal of the requester."""

from pathlib import Path
from typing import Annotated, Any

from django.conf import settings
from django.db.models import Q
from django.http import FileResponse, HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import BeforeValidator, Field

from yinghu.api import problems, shapes
from yinghu.api.auth import KNOWN, count_request, request_actor
from yinghu.api.types import Line, LineNeeded, Short
from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal
from yinghu.appeals.moving import NotFound
from yinghu.appeals.numbers import id_of, number_of
from yinghu.appeals.states import Status
from yinghu.common.privacy.phones import certain_phone
from yinghu.common.privacy.sealing import blind
from yinghu.errands.receipts import photo_for
from yinghu.people import disclosure
from yinghu.people.access import Actor, may_search_phones, words_to_search
from yinghu.triage.search import search

REFUSALS: dict[Any, Any] = dict.fromkeys(
    (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503), shapes.ProblemOut
)
"""Error responses of every endpoint."""

MAX_PAGE = 200
router = Router(tags=["appeals"], auth=KNOWN)


class Listed(Schema):
    """One page, newest first; `next` is the cursor of the following page, null after the last."""

    items: list[shapes.Brief]
    next: str | None


class Filters(Schema):
    """Filters of the list, combined with AND."""

    status: Annotated[
        list[Status], BeforeValidator(lambda v: v if isinstance(v, list) else [v])
    ] = Field(default=[], description="One or more.")
    category: Short = Field(default="", description="A category with those under it.")
    area: Short = Field(default="", description="The beginning of an area code.")
    unit: Short = Field(default="", description="A unit's code.")
    channel: Short = ""
    phone: Short = Field(default="", description="The requester's phone, whole; desks only.")
    q: Line = Field(default="", description="Words that must all be in it.")
    before: Short = Field(default="", description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class RevealIn(Schema):
    """Reason for the reveal, logged with login and time."""

    why: LineNeeded


class Revealed(Schema):
    """A requester's name, phone and exact place."""

    name: str
    phone: str = Field(description="In E.164, or as written where it is not verified.")
    phone_verified: bool
    address: str
    lon: float | None
    lat: float | None


def visible_appeal(number: str, actor: Actor) -> Appeal:
    """Return the appeal of this number. Raises NotFound also if the actor may not see it."""
    appeal = inboxes.by_number(actor, id_of(number))
    if appeal is None:
        raise NotFound("not_found", _("没有这件诉求"))
    return appeal


@router.get("/appeals", response={200: Listed} | REFUSALS, operation_id="list", summary="List")
def list_appeals(request: HttpRequest, filters: Query[Filters]) -> dict[str, Any]:
    """Appeals visible to the caller, newest first."""
    actor = request_actor(request)
    found = inboxes.visible(actor).filter(_filter_query(filters, actor))
    if filters.q:
        count_request("words", f"{actor.kind} {actor.user_id or actor.appeal_id}")
        found = search(found, words_to_search(actor, filters.q))
    page = list(shapes.with_names(found).order_by("-id")[: filters.limit + 1])
    more = len(page) > filters.limit
    page = page[: filters.limit]
    return {
        "items": [shapes.brief_fields(appeal, actor) for appeal in page],
        "next": number_of(page[-1].pk) if more else None,
    }


def _filter_query(filters: Filters, actor: Actor) -> Q:
    simple = {
        "status__in": filters.status,
        "area__code__startswith": filters.area,
        "unit__code": filters.unit,
        "channel": filters.channel,
    }
    wanted = Q(**{lookup: value for lookup, value in simple.items() if value})
    if filters.category:
        under = Q(category__code__startswith=f"{filters.category}.")
        wanted &= Q(category_id=filters.category) | under
    if filters.phone:
        wanted &= Q(caller=blind(_searched_phone(filters.phone, actor)))
    if filters.before:
        last = id_of(filters.before)
        if last is None:
            raise problems.one_field("before", "bad_cursor", _("请原样传回上一页的 next"))
        wanted &= Q(pk__lt=last)
    return wanted


def _searched_phone(given: str, actor: Actor) -> str:
    if not may_search_phones(actor):
        raise problems.forbidden(_("只有平台席位可以按电话查找"), "phone_search")
    count_request("phone", f"user {actor.user_id}")
    phone = certain_phone(given)
    if not phone:
        raise problems.one_field("phone", "bad_phone", _("这不是电话号码"))
    return phone


@router.get(
    "/appeals/{number}",
    response={200: shapes.Whole} | REFUSALS,
    operation_id="get",
    summary="Read one",
    exclude_unset=True,
)
def get_appeal(request: HttpRequest, number: str) -> dict[str, Any]:
    """One appeal with its events. Requesters get the public fields only."""
    actor = request_actor(request)
    return shapes.whole_fields(visible_appeal(number, actor), actor)


@router.post(
    "/appeals/{number}/reveal",
    response={200: Revealed} | REFUSALS,
    operation_id="reveal",
    summary="See the requester's name, phone and place",
)
def reveal_requester(request: HttpRequest, number: str, payload: RevealIn) -> dict[str, Any]:
    """Return the data that is masked elsewhere. Login, time and reason are logged permanently."""
    actor = request_actor(request)
    appeal = visible_appeal(number, actor)
    try:
        person = disclosure.show_requester(actor, appeal, payload.why)
    except disclosure.Denied as denied:
        raise problems.forbidden(_("您不能查看诉求人的联系方式"), "may_not_reveal") from denied
    return {
        "name": person.name,
        "phone": person.phone,
        "phone_verified": not person.unverified,
        "address": person.address,
        "lon": appeal.lon,
        "lat": appeal.lat,
    }


@router.get(
    "/appeals/{number}/photos/{photo}",
    response=REFUSALS,
    operation_id="photo",
    summary="A photo",
    openapi_extra={"responses": {200: {"description": "JPEG", "content": {"image/jpeg": {}}}}},
)
def get_photo(request: HttpRequest, number: str, photo: int) -> FileResponse:
    """A photo of an appeal, as JPEG; only for callers who may see its requester."""
    actor = request_actor(request)
    appeal = visible_appeal(number, actor)
    row = photo_for(actor, photo)
    if row is None or row.appeal_id != appeal.pk:
        raise problems.not_found()
    file = open(Path(settings.MEDIA_ROOT) / row.file, "rb")  # noqa: SIM115  # the response closes it
    response = FileResponse(file, content_type="image/jpeg")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response
