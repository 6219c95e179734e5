"""What is written down of a protected person, and the checks of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.appeals.moving import Refused
from yinghu.appeals.policies import policy
from yinghu.common.privacy.phones import normal_phone
from yinghu.guardian.models import MOST_GUARDIANS

MAX_TEXT: Final = 1000
_OLDEST: Final = 1900
_PHONE: Final = re.compile(r"\d(?:[\s\-]*\d){6}")


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """The sealed details: who the person is, how to know them, and where they may go.

    `birth_year` and `height` (cm) are 0 if unknown. The last three list one place a line.
    """

    name: str = ""
    sex: str = ""
    birth_year: int = 0
    height: int = 0
    build: str = ""
    hair: str = ""
    address: str = ""
    conditions: str = ""
    medication: str = ""
    habits: str = ""
    calming: str = ""
    former_homes: str = ""
    workplaces: str = ""
    heads_for: str = ""

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "PersonDetails":
        """Return stored details; unknown keys are left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in stored.items() if key in known})


@dataclass(frozen=True, slots=True)
class PublicCard:
    """What each finder reads: a text of its own, which tells nothing of the sealed details."""

    nickname: str = ""
    advice: str = ""
    advice_en: str = ""
    is_ill: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """Who agreed, in which relation, when, and until when it holds."""

    name: str
    relation: str
    on: date
    until: date


@dataclass(frozen=True, slots=True)
class GuardianEntry:
    """A guardian as written in a form; `id` is that of a stored one, `order` is 1 for the first."""

    name: str
    relation: str = ""
    phone: str = ""
    mail: str = ""
    order: int = 1
    id: int | None = None

    def contact(self) -> dict[str, str]:
        """Return what is sealed of the guardian."""
        return {
            "name": self.name,
            "relation": self.relation,
            "phone": self.phone,
            "mail": self.mail,
        }


@dataclass(frozen=True, slots=True)
class Registration:
    """A whole registration. `photo` is an uploaded file; b"" keeps what is stored."""

    area: str
    details: PersonDetails
    card: PublicCard
    consent: Consent
    guardians: tuple[GuardianEntry, ...]
    photo: bytes = field(default=b"", repr=False)

    def sealed_details(self) -> dict[str, Any]:
        """Return the details as stored."""
        return asdict(self.details)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a registration: the field (`phone` of guardian 2 is `guardians.2.phone`), and
    what to do, in the user's language.
    """

    field: str
    message: str


class Invalid(Refused):
    """The registration has faults; `faults` has them all, the message is the first."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("invalid", faults[0].message, faults[0].field)
        self.faults = faults


def checked(given: Registration) -> Registration:
    """Return the registration with phones in E.164 and guardians in order. Raises Invalid."""
    guardians = sorted(given.guardians, key=lambda guardian: guardian.order)
    known = tuple(
        replace(guardian, phone=normal_phone(guardian.phone) or guardian.phone)
        for guardian in guardians
    )
    found = replace(given, guardians=known)
    if faults := [*_faults(found), *guardian_faults(given.guardians)]:
        raise Invalid(faults)
    return found


def _faults(given: Registration) -> Iterator[Fault]:
    today = timezone.localdate()
    details, consent = given.details, given.consent
    if not details.name:
        yield Fault("name", _("请写姓名"))
    if not given.card.nickname:
        yield Fault("nickname", _("请写怎么称呼他，扫布条的人看得到"))
    yield from _card_faults(given)
    if not given.area:
        yield Fault("area", _("请选他住的村、社区或网格，好找到网格员"))
    if details.birth_year and not _OLDEST <= details.birth_year <= today.year:
        said = {"first": _OLDEST, "last": today.year}
        yield Fault("birth_year", _("出生年份应在 %(first)d 到 %(last)d 之间") % said)
    if details.height and not 30 <= details.height <= 250:
        yield Fault("height", _("身高请写厘米，30 到 250"))
    if not consent.name:
        yield Fault("consent_name", _("请写是谁同意的"))
    if consent.on > today:
        yield Fault("consent_on", _("同意的日子不能在今天以后"))
    years = policy("protected_consent_years")
    if consent.until <= today:
        yield Fault("consent_until", _("同意已经到期，请重新问过再写新的日子"))
    elif consent.until > _years_after(consent.on, years):
        said_years = ngettext(
            "同意最长 %d 年，请写早一点的日子", "同意最长 %d 年，请写早一点的日子", years
        )
        yield Fault("consent_until", said_years % years)


def _card_faults(given: Registration) -> Iterator[Fault]:
    """Strangers read the card: it names neither the person nor a phone or the address."""
    private = [text for text in (given.details.name, given.details.address) if text]
    for name in ("nickname", "advice", "advice_en"):
        text: str = getattr(given.card, name)
        if _PHONE.search(text) or any(each in text for each in private):
            yield Fault(name, _("扫布条的人都看得到这里，请不要写姓名、电话或住址"))


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        # 29 February
        return day.replace(year=day.year + years, day=28)


def guardian_faults(guardians: Sequence[GuardianEntry]) -> Iterator[Fault]:
    """Return the faults of the guardians, in the order in which they were written."""
    if not guardians:
        yield Fault("guardians", _("至少写一位监护人和电话"))
    if len(guardians) > MOST_GUARDIANS:
        yield Fault("guardians", _("最多 %d 位监护人") % MOST_GUARDIANS)
    seen: set[str] = set()
    for n, guardian in enumerate(guardians, 1):
        phone = normal_phone(guardian.phone)
        if not guardian.name:
            yield Fault(f"guardians.{n}.name", _("请写这位监护人的姓名"))
        if not 1 <= guardian.order <= MOST_GUARDIANS:
            yield Fault(f"guardians.{n}.order", _("先后请写 1 到 %d") % MOST_GUARDIANS)
        if guardian.phone and not phone:
            yield Fault(f"guardians.{n}.phone", _("请写完整的手机号码，或带区号的电话"))
        elif phone in seen:
            yield Fault(f"guardians.{n}.phone", _("这个电话上面已经写过了"))
        if phone:
            seen.add(phone)
        if guardian.mail and not _is_mail(guardian.mail):
            yield Fault(f"guardians.{n}.mail", _("邮箱地址写得不对，请核对"))
    if guardians and not any(guardian.phone for guardian in guardians):
        yield Fault("guardians.1.phone", _("至少要有一位监护人的电话，找到人才能通知家里"))


def _is_mail(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
