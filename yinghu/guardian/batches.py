"""Batches of strips: made, printed, received, handed to a holder; and what is in stock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused
from yinghu.common import text_cleaning
from yinghu.guardian.models import MOST_TAGS_OF_BATCH, Tag, TagBatch
from yinghu.guardian.tag_codes import digest_of, new_numbers, tag_code
from yinghu.people import history
from yinghu.people.access import (
    Actor,
    is_city_admin,
    may_protect,
    protected_areas,
    protecting_posts,
)
from yinghu.people.models import Change, User
from yinghu.places import locate
from yinghu.places.models import Area, AreaLevel

HISTORY_KIND: Final = "tag_batch"
STEPS: Final = ("printed", "received", "handed")
"""Steps of a batch after it was ordered, in their order."""

_RESERVE_SQL = "SELECT nextval('guardian_tag_id_seq') FROM generate_series(1, %s)"
_INSERT_SQL = """
INSERT INTO guardian_tag (id, batch_id, number, digest, state, garment)
SELECT id, %s, number, digest, 'stock', ''
FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) AS new (id, number, digest)
ON CONFLICT (number) DO NOTHING RETURNING id
"""


def batches_q(actor: Actor) -> Q:
    """Filter batches to those of the actor's areas, made by the actor, or held by the actor."""
    if is_city_admin(actor):
        return Q()
    reach = Q(created_by=actor.user_id) | Q(holder=actor.user_id)
    for area in protected_areas(actor):
        if not area:
            return Q()
        reach |= Q(area__code__startswith=area)
    return reach


def may_make(actor: Actor, area_id: str) -> bool:
    """May the actor make and manage batches for this area ("" is everywhere)?"""
    return is_city_admin(actor) or may_protect(actor, area_id)


def may_manage(actor: Actor, batch: TagBatch) -> bool:
    """May the actor note what happened to the batch?"""
    return batch.created_by_id == actor.user_id or may_make(actor, batch.area_id or "")


def may_download(actor: Actor, batch: TagBatch) -> bool:
    """May the actor have the addresses of a batch? They are secrets until the strips are worn."""
    made_it = actor.user_id is not None and batch.created_by_id == actor.user_id
    return is_city_admin(actor) or made_it


def find_batch(batch_id: int, actor: Actor) -> TagBatch:
    """Return a batch that the actor may see. Raises NotFound."""
    found = TagBatch.objects.filter(batches_q(actor), pk=batch_id)
    batch = found.select_related("area", "holder", "created_by").first()
    if batch is None:
        raise NotFound("not_found", _("没有这一批布条"))
    return batch


def create_batch(
    actor: Actor,
    *,
    name: str,
    count: int,
    office: str,
    hotline: str,
    donor: str = "",
    area: str = "",
    holder: str = "",
) -> TagBatch:
    """Write a batch and all its tags. `area` is a code, `holder` a login's name. Raises
    Refused with the field, Forbidden for an area that is not the actor's.
    """
    texts = {"name": name, "office": office, "hotline": hotline, "donor": donor}
    texts = {field: text_cleaning.clean_line(text).strip() for field, text in texts.items()}
    for field in ("name", "office", "hotline"):
        if not texts[field]:
            raise Refused("missing", _("这一项要填"), field)
    if not 1 <= count <= MOST_TAGS_OF_BATCH:
        raise Refused("count", _("一批 1 到 %d 条") % MOST_TAGS_OF_BATCH, "count")
    if not may_make(actor, area):
        raise Forbidden("forbidden", _("请选您负责的镇街或村社区"), "area")
    if area and area not in locate.known_areas():
        raise Refused("area", _("没有代码为 %s 的区域") % area[:24], "area")
    user = _login(actor)
    with transaction.atomic():
        batch = TagBatch.objects.create(
            **texts,
            count=count,
            area_id=area or None,
            holder=_holder(area, holder) if holder else None,
            created_by=user,
        )
        _insert_tags(batch)
        after = {**texts, "count": count, "area": area, "holder": holder}
        _record(user, batch, {}, {field: value for field, value in after.items() if value})
    return batch


def _insert_tags(batch: TagBatch) -> None:
    """Write the tags of a new batch; those whose number is taken get another one."""
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE_SQL, [batch.count])
        missing = {row[0] for row in cursor.fetchall()}
        while missing:
            pairs = zip(missing, new_numbers(len(missing)), strict=True)
            # In one order everywhere, so that no two batches wait for each other's numbers.
            rows = sorted((number, tag_id) for tag_id, number in pairs)
            ids = [tag_id for _number, tag_id in rows]
            digests = [digest_of(tag_code(tag_id)) for tag_id in ids]
            numbers = [number for number, _id in rows]
            cursor.execute(_INSERT_SQL, [batch.pk, ids, numbers, digests])
            missing -= {row[0] for row in cursor.fetchall()}


def _holder(area_id: str, username: str) -> User:
    found = holders(area_id).filter(username=username).first()
    if found is None:
        raise Refused("holder", _("请选这个地方的网格员或工作人员"), "holder")
    return found


def holders(area_id: str) -> QuerySet[User]:
    """Return the logins that can hold strips for this area ("" is everywhere)."""
    return User.objects.filter(pk__in=protecting_posts(area_id).values("user")).order_by("pk")


def mark(batch_id: int, actor: Actor, step: str, holder: str = "") -> TagBatch:
    """Note a step of `STEPS`: "handed" says to whom (`holder`, a login's name) and may follow
    again, when somebody else gets the strips. Raises Refused.
    """
    if step not in STEPS:
        raise Refused("step", _("没有这一步"))
    find_batch(batch_id, actor)
    with transaction.atomic():
        batch = TagBatch.objects.select_for_update(no_key=True).get(pk=batch_id)
        if not may_manage(actor, batch):
            raise Forbidden("forbidden", _("这一批不归您管"))
        before = _steps(batch)
        reached = STEPS.index(step)
        if step != "handed" and getattr(batch, f"{step}_at") is not None:
            raise Conflict("done", _("已经记过了，可能别人刚刚记的"))
        if reached and getattr(batch, f"{STEPS[reached - 1]}_at") is None:
            raise Conflict("too_early", _("请先记上一步"))
        setattr(batch, f"{step}_at", timezone.now())
        if step == "handed":
            batch.holder = _holder(batch.area_id or "", holder)
        batch.save(update_fields=[f"{step}_at", "holder"])
        _record(_login(actor), batch, before, _steps(batch))
    return batch


def _steps(batch: TagBatch) -> dict[str, Any]:
    times = {step: getattr(batch, f"{step}_at") for step in STEPS}
    found = {step: at.isoformat() for step, at in times.items() if at is not None}
    return found | ({"holder": str(batch.holder)} if batch.holder else {})


def record_download(batch: TagBatch, actor: Actor, file: str) -> None:
    """Note in the history who took which file with addresses. Raises Forbidden."""
    if not may_download(actor, batch):
        raise Forbidden("forbidden", _("地址只给做这一批的人和管理员"))
    user = _login(actor)
    _record(user, batch, {}, {"download": file})


def _login(actor: Actor) -> User | None:
    return None if actor.user_id is None else User.objects.get(pk=actor.user_id)


def _record(
    user: User | None, batch: TagBatch, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    history.record(user, HISTORY_KIND, str(batch.pk), batch.name, dict(before), dict(after))


def describe_change(change: Change) -> str:
    """Describe a row of the history of batches."""
    after: dict[str, str] = change.after
    if "download" in after:
        return _("下载了地址：%s") % after["download"]
    if "count" in after:
        return _("做了这一批")
    if "holder" in after:
        return _("交给 %s") % after["holder"]
    if "handed" in after:
        return _("又交给同一个人")
    return _("收到布条") if "received" in after else _("送印")


@dataclass(frozen=True, slots=True)
class TagCounts:
    """Tags in all and by state."""

    all: int = 0
    stock: int = 0
    active: int = 0

    @property
    def ended(self) -> int:
        """Those that are suspended, lost, replaced or retired."""
        return self.all - self.stock - self.active


_COUNTS: Final = {
    "n": Count("pk"),
    "stock": Count("pk", filter=Q(state=Tag.State.STOCK)),
    "active": Count("pk", filter=Q(state=Tag.State.ACTIVE)),
}


def stock_by_batch(batches: Iterable[int]) -> dict[int, TagCounts]:
    """Count tags of batches by the batch's id."""
    return _counted(Tag.objects.filter(batch__in=list(batches)), "batch_id")


def stock_by_holder(actor: Actor) -> dict[User, TagCounts]:
    """Count tags of the actor's batches by who has the strips; without batches in nobody's hands.

    The sum of a holder counts worn strips too: how many of those they got are left is `stock`.
    """
    counts = _counted(_tags(actor).filter(batch__holder__isnull=False), "batch__holder_id")
    return {user: counts[user.pk] for user in User.objects.filter(pk__in=counts).order_by("pk")}


def stock_by_town(actor: Actor) -> dict[str, TagCounts]:
    """Count tags of the actor's batches by the code of the town; "" is the whole city."""
    sums: dict[str, TagCounts] = {}
    known = locate.known_areas()
    for area, found in _counted(_tags(actor), "batch__area_id").items():
        town = _town_of(area or "", known)
        had = sums.get(town, TagCounts())
        sums[town] = TagCounts(
            had.all + found.all, had.stock + found.stock, had.active + found.active
        )
    return dict(sorted(sums.items()))


def _town_of(code: str, known: Mapping[str, Area]) -> str:
    """Return the code of the town in which an area is; the area's own if it is in none."""
    for length in range(len(code), 0, -1):
        area = known.get(code[:length])
        if area is not None and area.level <= AreaLevel.TOWN:
            return area.pk
    return code


def _tags(actor: Actor) -> QuerySet[Tag]:
    return Tag.objects.filter(batch__in=TagBatch.objects.filter(batches_q(actor)))


def _counted(tags: QuerySet[Tag], by: str) -> dict[Any, TagCounts]:
    rows = tags.order_by().values_list(by).annotate(**_COUNTS)
    return {key: TagCounts(n, stock, active) for key, n, stock, active in rows}
