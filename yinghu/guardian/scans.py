"""Scans of tags: a finder's page is opened, "I am with this person" is reported, both sides write.

Every code is looked up by its digest with one and the same query, and every tag that is not active
gives one and the same card, so that no answer tells its state. Opening a page writes at most one
statement; who is told of it is decided later, by `alerts.advance_due`.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from yinghu.appeals.policies import POLICIES
from yinghu.guardian import alerts
from yinghu.guardian.models import ProtectedPerson, Scan, ScanEntry, Tag
from yinghu.guardian.tag_codes import digest_of
from yinghu.people.personal_keys import create_key, seal_bytes_for, seal_for

MAX_WORDS: Final = 500
MAX_PHONE: Final = 40


@dataclass(frozen=True, slots=True)
class TagCard:
    """What a finder reads of the person; empty for every tag that is not active."""

    nickname: str = ""
    advice: str = ""
    advice_en: str = ""
    is_ill: bool = False


@dataclass(frozen=True, slots=True)
class FinderReport:
    """What a finder sends with "I am with this person": `form` is the form's own id, the position
    in degrees of WGS-84 with its accuracy in metres, `photo` a JPEG of our own making.
    """

    form: UUID
    words: str = ""
    lon: float | None = None
    lat: float | None = None
    accuracy: int | None = None
    photo: bytes = field(default=b"", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes on a scan's board: the finder, a guardian of the person, or a login."""

    side: ScanEntry.Side
    guardian_id: int | None = None
    user_id: int | None = None

    @classmethod
    def finder(cls) -> "Author":
        return cls(ScanEntry.Side.FINDER)

    @classmethod
    def guardian(cls, guardian_id: int) -> "Author":
        return cls(ScanEntry.Side.FAMILY, guardian_id=guardian_id)

    @classmethod
    def desk(cls, user_id: int) -> "Author":
        return cls(ScanEntry.Side.DESK, user_id=user_id)


@dataclass(frozen=True, slots=True)
class _FoundTag:
    pk: int
    person_id: int | None
    key_id: int | None
    is_active: bool
    is_test: bool
    card: TagCard


_COUNT_SQL = """
WITH joined AS (
    UPDATE guardian_scan SET opened = opened + 1, last_at = statement_timestamp()
    WHERE id = (
        SELECT id FROM guardian_scan
        WHERE person_id = %(person)s AND is_test = %(test)s AND state <> 'ended'
          AND last_at > statement_timestamp() - make_interval(mins => coalesce(
            (SELECT value FROM appeals_policy WHERE key = 'tag_window_minutes'), %(minutes)s))
        ORDER BY last_at DESC LIMIT 1)
    RETURNING id
)
INSERT INTO guardian_scan (tag_id, person_id, key_id, state, is_test, opened, next_at)
SELECT %(tag)s, %(person)s, %(key)s, 'seen', %(test)s, 1,
    CASE WHEN NOT %(test)s THEN statement_timestamp() END
WHERE NOT EXISTS (SELECT FROM joined)
"""
"""Two pages opened at once may begin two scans; `alerts` tells the guardians of one."""


def open_tag(code: str, *, counts: bool) -> TagCard:
    """Return the card of a tag's page; one that `counts` joins or opens a scan if it is active."""
    found = _find_tag(digest=digest_of(code))
    if found is None or not found.is_active:
        return TagCard()
    if counts:
        values: dict[str, Any] = {
            "tag": found.pk,
            "person": found.person_id,
            "key": found.key_id,
            "test": found.is_test,
            "minutes": POLICIES["tag_window_minutes"].scale.default,
        }
        with connection.cursor() as cursor:
            cursor.execute(_COUNT_SQL, values)
    return found.card


def report_by_code(code: str, given: FinderReport) -> int:
    """Store that a finder is with the wearer of this tag, tell people, and return the scan's id.

    Sent again with the same form id it returns the same scan. A code that is unknown or not active
    makes a scan without a person, of which only the duty desk is told.
    """
    return _report(_find_tag(digest=digest_of(code)), given, Author.finder())


def report_by_number(number: str, given: FinderReport, by: Author | None = None) -> int:
    """As `report_by_code`, for a short number as stored ("" for none): typed by a finder, or by the
    desk for somebody on the phone.
    """
    found = _find_tag(number=number) if number else None
    return _report(found, given, by or Author.finder())


def post_message(scan_id: int, by: Author, words: str, form: UUID) -> bool:
    """Write on the board, once for each form id. Returns False once the scan has ended."""
    with transaction.atomic():
        scan = Scan.objects.select_for_update(no_key=True, of=("self",)).select_related("key")
        locked = scan.get(pk=scan_id)
        if locked.is_over:
            return False
        if not ScanEntry.objects.filter(form=form).exists():
            content = seal_for(locked.key, {"words": words[:MAX_WORDS]})
            _add(locked, ScanEntry.Kind.MESSAGE, by, content=content, form=form)
            Scan.objects.filter(pk=scan_id).update(last_at=timezone.now())
    return True


def _find_tag(**by: Any) -> _FoundTag | None:
    row = (
        Tag.objects.filter(**by)
        .values_list(
            "pk",
            "state",
            "test_until",
            "person_id",
            "person__key_id",
            "person__state",
            "person__nickname",
            "person__advice",
            "person__advice_en",
            "person__is_ill",
        )
        .first()
    )
    if row is None:
        return None
    pk, state, test_until, person_id, key_id, person_state, nickname, advice, advice_en, ill = row
    active = state == Tag.State.ACTIVE and person_state == ProtectedPerson.State.ACTIVE
    is_test = test_until is not None and test_until > timezone.now()
    card = TagCard(nickname, advice, advice_en, ill) if active else TagCard()
    return _FoundTag(pk, person_id, key_id, active, is_test, card)


def _report(found: _FoundTag | None, given: FinderReport, by: Author) -> int:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two sendings of one form wait for each other, also if they begin a scan each.
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [given.form.hex]
            )
        earlier = ScanEntry.objects.filter(form=given.form, kind=ScanEntry.Kind.REPORT)
        known = earlier.values_list("scan_id", flat=True).first()
        if known is not None:
            return known
        scan = _scan_to_report(found)
        content = {
            "words": given.words[:MAX_WORDS],
            "lon": given.lon,
            "lat": given.lat,
            "accuracy": given.accuracy,
            "phone": given.phone[:MAX_PHONE],
        }
        _add(
            scan,
            ScanEntry.Kind.REPORT,
            by,
            content=seal_for(scan.key, content),
            photo=seal_bytes_for(scan.key, given.photo) if given.photo else b"",
            form=given.form,
        )
        alerts.begin(scan)
    return scan.pk


def _scan_to_report(found: _FoundTag | None) -> Scan:
    """The person's running scan within the window, locked, else a new one."""
    if found is None or not found.is_active:
        tag_id = found.pk if found else None
        return Scan.objects.create(tag_id=tag_id, key=create_key())
    # Reports of one person wait for each other, so that they join the same scan.
    person = ProtectedPerson.objects.select_for_update(no_key=True).only("pk", "key_id")
    key = person.get(pk=found.person_id or 0).key
    running = Scan.objects.select_for_update(no_key=True, of=("self",)).filter(
        person=found.person_id, is_test=found.is_test, last_at__gt=timezone.now() - alerts.window()
    )
    scan = (
        running.exclude(state=Scan.State.ENDED).select_related("key").order_by("-last_at").first()
    )
    if scan is not None:
        return scan
    return Scan.objects.create(
        tag_id=found.pk, person_id=found.person_id, key=key, is_test=found.is_test
    )


def _add(scan: Scan, kind: ScanEntry.Kind, by: Author, **given: Any) -> None:
    ScanEntry.objects.create(
        scan=scan,
        kind=kind,
        side=by.side,
        guardian_id=by.guardian_id,
        user_id=by.user_id,
        **given,
    )
