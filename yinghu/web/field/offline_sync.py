"""What a phone has recorded out there, maybe without a network, and sends when it has one.

One request is one step, and it is done once however often it arrives: the phone has made up a key
for it, and whoever comes second with that key waits for the first and is answered the same.

| answer | the phone |
| --- | --- |
| 200 `ok` | forgets the step: it is done, now or before |
| 200 not `ok`, `again` | keeps it: what it waits for is in somebody else's phone |
| 200 not `ok`, or 4xx | shows it with the reason, and does not send it again |
| 401 `login`, 409 `other` | keeps it until whoever recorded it is logged in here |
| 5xx, or anything that is no answer of ours | keeps it and tries again later |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
from yinghu.common import photos
from yinghu.dispatch import actions as errand_actions
from yinghu.dispatch import leg_actions
from yinghu.dispatch.models import FieldRecord, Leg
from yinghu.people.access import Actor, desks_of
from yinghu.people.models import User
from yinghu.ui.requests import who

OLDEST = timedelta(days=30)
"""A step is not taken to be older than that, whatever the phone's clocks say."""

_WAITS = frozenset({"too_early"})
"""Refusals that somebody else's step may undo, which can be in the queue of their phone: nothing is
kept of them, and the same record is tried again."""
_SAID_BEFORE = frozenset({"said_already"})
"""Refusals of somebody who has done the very same already, with nothing in it that could be lost:
a hand-over is a press and no more. It counts as done."""

_KEY = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII)
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_MS = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_YUAN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?", re.ASCII)


class Bad(Exception):
    """A request that no phone of ours sends; `status` is 4xx."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Record:
    """One step as a phone sends it. `at` is by our clock."""

    key: UUID
    leg_id: int
    verb: str
    at: datetime
    fields: dict[str, str]
    uploads: Sequence[UploadedFile[Any]]


Kept = tuple[photos.StoredPhoto, ...]
Step = Callable[[Leg, Actor, Record, Kept], str]
"""How a step is done; the answer is what is said then."""


def _finish(leg: Leg, actor: Actor, record: Record, kept: Kept) -> str:
    words, paid = record.fields["words"], cents(record.fields["paid"])
    leg_actions.finish(leg.pk, actor, words=words, photos=kept, paid=paid, at=record.at)
    return _("这一程办完了，辛苦了")


def _hand_over(leg: Leg, actor: Actor, record: Record, kept: Kept) -> str:
    event = leg_actions.hand_over(leg.pk, actor, at=record.at)
    return _("双方都确认了，交接完成") if event.facts["done"] else _("已确认，等对方也确认")


def _give_back(leg: Leg, actor: Actor, record: Record, kept: Kept) -> str:
    leg_actions.give_back(leg.pk, actor, why=record.fields["why"], kept=record.fields["kept"])
    return _("已交回，别人可以接")


def _touch(leg: Leg, actor: Actor, record: Record, kept: Kept) -> str:
    leg_actions.touch(leg.pk, actor)
    return _("好的，知道您在办")


def _say(leg: Leg, actor: Actor, record: Record, kept: Kept) -> str:
    try:
        errand_actions.say(leg.appeal_id, actor, why=record.fields["words"])
    except NotFound as gone:
        # They know of the leg, and had it when they wrote.
        raise Refused("not_yours", _("这件事现在不归您办了，留言没有发出")) from gone
    return _("留言已发出")


STEPS: dict[str, Step] = {
    "finish": _finish,
    "hand_over": _hand_over,
    "give_back": _give_back,
    "touch": _touch,
    "say": _say,
}
"""What may be recorded. Taking is not among it: only the server knows whether it is still there."""


@never_cache
@require_http_methods(["GET", "POST"])
def records(request: HttpRequest) -> HttpResponse:
    """GET: whose phone this is now and the secret that forms carry, which a page kept for days has
    not. POST: do one recorded step.
    """
    user = request.user
    if not isinstance(user, User):
        return _answer({"code": "login", "said": _("登录已过期，请重新登录")}, 401)
    if request.method == "GET":
        return _answer({"me": user.pk, "token": get_token(request)})
    if request.POST.get("me") != str(user.pk):
        words = _("这是另一个人登录时记下的，要等那个人登录后才发出")
        return _answer({"code": "other", "said": words}, 409)
    try:
        record = _read(request)
        return _answer(_once(user, who(request), record))
    except Bad as bad:
        return _answer({"ok": False, "code": bad.code, "said": bad.message}, bad.status)
    except photos.NoRoom as full:
        return _answer({"code": "no_room", "said": str(full)}, 503)


def _once(user: User, actor: Actor, record: Record) -> dict[str, Any]:
    """The answer to this record, and what it is about done if nobody has before."""
    before = FieldRecord.objects.filter(user=user, key=record.key).first()
    if before is not None:
        return _answered(before)
    if "field" not in desks_of(actor):
        return _refusal("not_allowed", _("您现在不在队里，不能办任务。请联系队长。"))
    try:
        leg = leg_actions.known(record.leg_id, actor)
    except Refused as gone:
        raise Bad(gone.code, gone.message, gone.status) from gone
    with transaction.atomic():
        # Its row first: whoever brings the same at this moment waits here until we are done.
        row, new = FieldRecord.objects.get_or_create(
            user=user,
            key=record.key,
            defaults={"leg": leg, "verb": record.verb, "said_at": record.at},
        )
        if not new:
            return _answered(row)
        answer = _do(leg, actor, record)
        if answer.get("again"):
            transaction.set_rollback(True)
            return answer
        row.result = answer
        row.save(update_fields=["result"])
    return answer


def _answered(record: FieldRecord) -> dict[str, Any]:
    result: dict[str, Any] = record.result
    return result


def _do(leg: Leg, actor: Actor, record: Record) -> dict[str, Any]:
    kept: Kept = ()
    try:
        if len(record.uploads) > photos.MAX_PHOTOS:
            raise Refused("too_many_photos", _("最多 %d 张照片") % photos.MAX_PHOTOS, "photos")
        for upload in record.uploads:
            kept += (photos.store(upload.read()),)
        said = STEPS[record.verb](leg, actor, record, kept)
    except Refused as refused:
        photos.discard(kept)
        if refused.code in _SAID_BEFORE:
            return {"ok": True, "said": _("已确认，等对方也确认")}
        return _refusal(refused.code, refused.message, again=refused.code in _WAITS)
    except photos.NoRoom:
        photos.discard(kept)
        raise
    except photos.BadPhoto as bad:
        photos.discard(kept)
        return _refusal("bad_photo", str(bad))
    return {"ok": True, "said": said}


def _refusal(code: str, said: str, *, again: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {"ok": False, "code": code, "said": said}
    return answer | {"again": True} if again else answer


def _read(request: HttpRequest) -> Record:
    """Raises Bad."""
    given = request.POST
    key, verb = given.get("key", ""), given.get("verb", "")
    if not _KEY.fullmatch(key):
        raise Bad("bad_key", _("这一步的编号不对，没有收下"))
    if verb not in STEPS:
        raise Bad("bad_verb", _("不认识这一步，没有收下。请刷新页面再办一次。"))
    leg = given.get("leg", "")
    if not _ID.fullmatch(leg):
        raise Bad("not_found", _("没有这一程"), 404)
    fields = {name: given.get(name, "") for name in ("words", "why", "kept", "paid")}
    if any("\x00" in text for text in fields.values()):
        raise Bad("bad_text", _("文字里有不能保存的字符"), 422)
    at = _moment(given.get("at", ""), given.get("now", ""))
    return Record(UUID(key), int(leg), verb, at, fields, request.FILES.getlist("photos"))


def _moment(at: str, now: str) -> datetime:
    """When it was done, by our clock: as long ago as the phone says, whatever its clock shows."""
    if not (_MS.fullmatch(at) and _MS.fullmatch(now)):
        raise Bad("bad_time", _("手机没有说是什么时候办的，没有收下"))
    ago = min(max(int(now) - int(at), 0), OLDEST // timedelta(milliseconds=1))
    return timezone.now() - timedelta(milliseconds=ago)


def cents(yuan: str) -> int | None:
    """An amount as people write it; None for nothing. Raises Refused."""
    text = yuan.strip()
    if not text:
        return None
    if not _YUAN.fullmatch(text):
        raise Refused("bad_money", _("请写金额，如 42.50"), "paid")
    return int(Decimal(text) * 100)


def _answer(what: dict[str, Any], status: int = 200) -> HttpResponse:
    return JsonResponse(what, status=status, json_dumps_params={"ensure_ascii": False})
