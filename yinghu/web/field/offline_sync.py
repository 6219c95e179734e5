"""Synchronisation of steps that phones recorded, possibly offline.

A request holds one step with a key made by the phone, and is idempotent: a repeated key waits for
the first request and gets the same answer.

| answer | the phone |
| --- | --- |
| 200 `ok` | forgets the step: it is done, now or earlier |
| 200 `ok`, `kept` | shows what was said of it: it came late, or its helper serves no more |
| 200 not `ok`, `again` | keeps it: it waits for a step on another phone |
| 200 not `ok`, or other 4xx | shows it with the reason and does not send it again |
| 401 `login`, 409 `other` | keeps it until the user who recorded it is logged in |
| 5xx, or no answer of this server | keeps it and tries again later |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from yinghu.appeals.moving import NotFound, Refused
from yinghu.common import photos, rate_limit
from yinghu.common.text import whole_number
from yinghu.errands import late_work, leg_actions, offers
from yinghu.errands.models import FieldRecord, Leg
from yinghu.people.access import Actor
from yinghu.people.models import User
from yinghu.ui.departed import bare_actor, departed_helper, departed_helpers, departure_of
from yinghu.ui.requests import login_of, who
from yinghu.ui.verb_views import run_with_photos
from yinghu.web.field.legs import LEG_STEPS, Kept

_KEY = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII)
_MS = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_YUAN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?", re.ASCII)


class BadRecord(Refused):
    """The request cannot be taken; `status` is 4xx, or 503 if a later try may succeed."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.status = status


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step as sent by a phone; `at` is in server time."""

    key: UUID
    leg_id: int
    verb: str
    at: datetime
    fields: dict[str, str]
    uploads: Sequence[UploadedFile[Any]]


RECORDED = ("finish", "hand_over", "give_back", "touch", "say")
"""Steps that can be recorded. Not taking: only the server knows whether a leg is still free."""
WORK = ("finish", "hand_over")
"""Steps that count even if their helper serves no more."""


@never_cache
@require_http_methods(["GET", "POST"])
def sync_records(request: HttpRequest) -> HttpResponse:
    """GET: return the user and a CSRF token, which cached pages lack. POST: perform a step."""
    departed = {str(each.pk): each for each in departed_helpers(request)}
    if (gone := departed_helper(request)) is not None:
        departed[str(gone.pk)] = gone
    user = gone or request.user
    if not isinstance(user, User) and not departed:
        return _answer({"code": "login", "said": _("登录已过期，请重新登录")}, 401)
    if request.method == "GET":
        return _answer({"me": user.pk, "also": [*map(int, departed)], "token": get_token(request)})
    # Another helper may have had this phone, and may serve no more.
    helper = departed.get(request.POST.get("me", ""))
    if helper is None and request.POST.get("me") != str(user.pk):
        words = _("这是另一个人登录时记下的，要等那个人登录后才发出")
        return _answer({"code": "other", "said": words}, 409)
    try:
        record = _parse(request)
        if helper is not None:
            if rate_limit.too_many("act", f"departed {helper.pk}"):
                raise BadRecord("busy", _("按得太频繁，过一会儿自动再发"), 503)
            return _answer(_accept_last(helper, record))
        return _answer(_perform_once(login_of(request), who(request), record))
    except Refused as bad:
        return _answer({"ok": False, "code": bad.code, "said": bad.message}, bad.status)


def _accept_last(helper: User, record: RecordedStep) -> dict[str, Any]:
    """Perform a step of somebody who serves no more; what it leaves in their hands goes on."""
    departure = departure_of(helper)
    if record.verb not in WORK:
        return _refusal("not_allowed", _("没有发出。") + str(departure))
    known = FieldRecord.objects.filter(user=helper, key=record.key).exists()
    answer = _perform_once(helper, bare_actor(helper), record)
    if not known:
        offers.free_hands(helper.pk, departure.title.rstrip("。"))
    if answer["ok"]:
        said = _("收下了，记在您名下；垫的钱由单位报销，东西由单位安排交接。")
        return {"ok": True, "kept": True, "said": f"{said}{departure}"}
    return answer | {"said": f"{answer['said']} {departure}"}


def _perform_once(user: User, actor: Actor, record: RecordedStep) -> dict[str, Any]:
    """Perform the step unless it is already done; return the answer."""
    before = FieldRecord.objects.filter(user=user, key=record.key).first()
    if before is not None:
        return dict(before.result)
    leg = leg_actions.known(record.leg_id, actor)
    with transaction.atomic():
        # Insert first: a concurrent request with the same key waits here for the commit.
        row, new = FieldRecord.objects.get_or_create(
            user=user,
            key=record.key,
            defaults={"leg": leg, "verb": record.verb, "said_at": record.at},
        )
        if not new:
            return dict(row.result)
        answer = _perform(leg, actor, record)
        if answer.get("again"):
            transaction.set_rollback(True)
            return answer
        row.result = answer
        row.save(update_fields=["result"])
    return answer


def _perform(leg: Leg, actor: Actor, record: RecordedStep) -> dict[str, Any]:
    try:
        if len(record.uploads) > photos.MAX_PHOTOS:
            raise Refused("too_many_photos", _("最多 %d 张照片") % photos.MAX_PHOTOS, "photos")
        paid = cents(record.fields["paid"]) if record.verb == "finish" else None
        given = {**record.fields, "paid": paid}
        said = run_with_photos(
            lambda kept: LEG_STEPS[record.verb](leg, actor, given, kept, record.at),
            record.uploads,
            f"login {actor.user_id}",
        )
    except Refused as refused:
        if refused.code in _LATER:
            raise BadRecord(refused.code, refused.message, 503) from refused
        if record.verb == "say" and isinstance(refused, NotFound):
            # The user knows the leg and held it when writing: explain instead of hiding it.
            return _refusal("not_yours", _("这件事现在不归您办了，留言没有发出"))
        if refused.code == "said_already":
            return {"ok": True, "said": _("已确认，等对方也确认")}
        leg.refresh_from_db()
        if record.verb == "finish" and refused.code in _LATE and late_work.may_claim(actor, leg):
            return _claim(leg, actor, record)
        # A step still on another phone may resolve it: not stored, the phone tries again.
        again = refused.code == "too_early"
        return _refusal(refused.code, refused.message) | ({"again": True} if again else {})
    return {"ok": True, "said": said or _("留言已发出")}


_LATER = ("no_room", "busy")
"""Codes with which a step is refused now and may succeed when the phone sends it again."""
_LATE = ("not_yours", "done", "dropped", "wrong_status")
"""Codes with which a step is refused because the leg is not its helper's any more."""


def _claim(leg: Leg, actor: Actor, record: RecordedStep) -> dict[str, Any]:
    """Keep the work on a leg that somebody else has now, or that was cancelled."""
    words, paid = record.fields["words"], cents(record.fields["paid"])

    def make(kept: Kept) -> str:
        late_work.claim(leg.pk, actor, why=words, photos=kept, paid=paid, at=record.at)
        return _("这一程已经不在您手上，不过您办的收下了，记在您名下，单位会看到；垫的钱照样报销。")

    for upload in record.uploads:
        # Read by the first try.
        upload.seek(0)
    try:
        # The first try has been charged for the photos.
        said = run_with_photos(make, record.uploads, "")
    except Refused as refused:
        if refused.code in _LATER:
            raise BadRecord(refused.code, refused.message, 503) from refused
        return _refusal(refused.code, refused.message)
    return {"ok": True, "kept": True, "said": said}


def _refusal(code: str, text: str) -> dict[str, Any]:
    return {"ok": False, "code": code, "said": text}


def _parse(request: HttpRequest) -> RecordedStep:
    """Raises BadRecord."""
    given = request.POST
    key, verb = given.get("key", ""), given.get("verb", "")
    if not _KEY.fullmatch(key):
        raise BadRecord("bad_key", _("这一步的编号不对，没有收下"))
    if verb not in RECORDED:
        raise BadRecord("bad_verb", _("不认识这一步，没有收下。请刷新页面再办一次。"))
    leg = whole_number(given.get("leg", ""))
    if leg is None:
        raise BadRecord("not_found", _("没有这一程"), 404)
    fields = {name: given.get(name, "") for name in ("words", "why", "kept", "paid")}
    if any("\x00" in text for text in fields.values()):
        raise BadRecord("bad_text", _("文字里有不能保存的字符"), 422)
    at = _server_time(given.get("at", ""), given.get("now", ""))
    return RecordedStep(UUID(key), leg, verb, at, fields, request.FILES.getlist("photos"))


def _server_time(at: str, now: str) -> datetime:
    """Convert the phone's time by the age of the step on its clock, 30 days at most."""
    if not (_MS.fullmatch(at) and _MS.fullmatch(now)):
        raise BadRecord("bad_time", _("手机没有说是什么时候办的，没有收下"))
    ago = timedelta(milliseconds=max(int(now) - int(at), 0))
    return timezone.now() - min(ago, timedelta(days=30))


def cents(yuan: str) -> int | None:
    """Parse an amount in yuan; None if empty. Raises Refused."""
    text = yuan.strip()
    if not text:
        return None
    if not _YUAN.fullmatch(text):
        raise Refused("bad_money", _("请写金额，如 42.50"), "paid")
    return int(Decimal(text) * 100)


def _answer(what: dict[str, Any], status: int = 200) -> HttpResponse:
    return JsonResponse(what, status=status, json_dumps_params={"ensure_ascii": False})
