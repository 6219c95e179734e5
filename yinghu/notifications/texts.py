"""Texts of notifications: one sentence in the reader's language, without the requester's words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from yinghu.appeals.models import ChaseAct, Event
from yinghu.appeals.numbers import number_of
from yinghu.appeals.phrases import fact_in, joined
from yinghu.appeals.states import ClockKind, Satisfaction
from yinghu.common.language import name_of
from yinghu.notifications.models import Notification, Reason, SubjectKind
from yinghu.notifications.recipients import RecipientKind
from yinghu.oversight.models import Whistle
from yinghu.people.models import Change, Unit, Volunteer
from yinghu.verbs import ERRANDS, verb_of


@dataclass(frozen=True, slots=True)
class UnitNames:
    """The units in notifications, by id and by code, the whistler of an event, and the changes."""

    units: dict[object, Unit]
    whistlers: dict[int, Unit]
    changes: dict[int, Change]

    def name(self, key: object, otherwise: object = "") -> str:
        """A unit's name by id or code, else the name stored in the event."""
        found = self.units.get(key)
        return name_of(found) if found else str(otherwise or "")


def units_of(notifications: Iterable[Notification]) -> UnitNames:
    """Fetch the units and changes that these notifications mention, in a few queries."""
    notifications = list(notifications)
    events = {event.pk: event for each in notifications if (event := each.event)}.values()
    ids = {event.facts["unit_id"] for event in events if event.facts.get("unit_id")}
    codes = {str(event.facts["unit"]) for event in events if event.facts.get("unit")}
    whistled = [event.pk for event in events if event.verb == "whistle"]
    blown = Whistle.objects.filter(event__in=whistled).select_related("unit")
    units = {**Unit.objects.in_bulk(ids), **Unit.objects.in_bulk(codes, field_name="code")}
    changed = [each.subject_id for each in notifications if each.subject_kind == SubjectKind.CHANGE]
    changes = Change.objects.in_bulk([pk for pk in changed if pk is not None]) if changed else {}
    return UnitNames(units, {each.event_id: each.unit for each in blown}, changes)


_DIGEST_PHRASES = {
    "done": gettext_noop("上周办结 %d 件"),
    "mine": gettext_noop("手上和待接单 %d 件"),
    "late": gettext_noop("已超时 %d 件"),
    "today": gettext_noop("今天到期 %d 件"),
    "back": gettext_noop("退回重办 %d 件"),
    "watched": gettext_noop("督办中 %d 件"),
    "asked": gettext_noop("等您回话 %d 件"),
    "rulings": gettext_noop("等裁定 %d 件"),
    "nobody": gettext_noop("没有人负责 %d 件"),
    "silent": gettext_noop("吹哨没有报到 %d 件"),
    "raised": gettext_noop("提级办理 %d 件"),
}
"""Phrases of a weekly digest for each of `digest.digest_counts`, in this order."""


_PHRASES = {
    "assign": (gettext_noop("派给%s，等人接单"), "unit"),
    "release": (gettext_noop("放回%s，等人接单"), "unit"),
    "hand": (gettext_noop("%s把这件诉求转给您办"), "colleague"),
    "supply": (gettext_noop("%s补充了情况"), "colleague"),
    "urge": (gettext_noop("%s催办"), "colleague"),
    "return": (gettext_noop("%s申请退单，请裁定"), "unit"),
    "reply": (gettext_noop("%s回复了协办"), "other"),
    "supervise": (gettext_noop("督办：请在 %s 以前书面回复"), "until"),
    "account": (gettext_noop("%s回复了督办"), "unit"),
    "measures": (gettext_noop("%s报了四要素"), "other"),
    "share": (gettext_noop("这件诉求共享给%s，请看要办什么，定好对接人"), "other"),
    "unshare": (gettext_noop("和%s的共享结束了"), "other"),
    "take": (gettext_noop("“%s”已经有人接了，谢谢您"), "title"),
    "finish": (gettext_noop("“%s”办完了，轮到您了"), "title"),
    "repay": (gettext_noop("您为“%s”垫的钱已经报销"), "title"),
}
"""Sentences that depend on one thing, by verb: the case's or the other unit, the deadline …"""


def notification_text(notification: Notification, units: UnitNames) -> str:
    """Say what has happened, and what this reader is expected to do."""
    event, reason = notification.event, notification.reason
    if notification.recipient_kind == RecipientKind.REQUESTER:
        return _("您的诉求有新进展")
    if notification.subject_kind == SubjectKind.SCAN:
        return _scan_text(notification)
    if notification.recipient_kind != RecipientKind.LOGIN:
        # Without internal details.
        return _("有新进展")
    if notification.subject_kind == SubjectKind.CHANGE:
        return _change_text(units.changes[notification.subject_id or 0])
    if event is None:
        counts = notification.counts or {}
        parts = [_(text) % counts[name] for name, text in _DIGEST_PHRASES.items() if name in counts]
        return _("每周小结：") + _("，").join(parts)
    given = event.facts
    said: dict[str, str] = {
        "unit": name_of(event.unit) if event.unit else "",
        "other": units.name(given.get("unit"), given.get("name")),
        "until": _format_time(given.get("until")),
        "colleague": _colleague(event),
        "place": str(given.get("place", "")),
        "title": str(fact_in(given, "title")),
    }
    if event.verb in _PHRASES:
        text, name = _PHRASES[event.verb]
        return _(text) % said[name]
    unit, other, until = said["unit"], said["other"], said["until"]
    match event.verb:
        case "alarm":
            return _("警报：可能有人有危险，请马上看")
        case "extend":
            return _("%(unit)s申请延期到 %(until)s，请裁定") % said
        case "rule":
            return _ruling_text(event, until)
        case "invite":
            return _("请%(unit)s协办，%(until)s 以前回复") % {"unit": other, "until": until}
        case "escalate" if reason == Reason.LEAD:
            return _("已提级到%s，您单位仍是首接单位") % unit
        case "escalate" if reason == Reason.BEFORE:
            return _("已提级到%s，由他们接着办") % unit
        case "escalate":
            return _("提级到%s，等人接单") % unit
        case "lift":
            return _("督办已解除")
        case "whistle":
            whistler = units.whistlers.get(event.pk)
            own = {"unit": name_of(whistler)} if whistler else {}
            return _("%(unit)s吹哨，请到“%(place)s”报到，%(until)s 以前") % (said | own)
        case "report_in":
            return (_("%s报到了，迟到") if given.get("late") else _("%s报到了")) % other
        case "contest" if reason in (Reason.COMMAND, Reason.ADMIN):
            return _("%s认为吹哨不该叫它，请裁定") % other
        case "contest":
            return _("%s认为吹哨不该叫它，等指挥中心裁定") % other
        case "judge":
            return (_("裁定：%s不用来") if given.get("agree") else _("裁定：%s仍要报到")) % other
        case "grade":
            label = _(Satisfaction(given["satisfaction"]).label)
            return _("吹哨单位评价%(unit)s：%(grade)s") % {"unit": other, "grade": label}
        case "contact":
            return _("%(unit)s的对接人：%(who)s") % {"unit": other, "who": given.get("who", "")}
        case "rate" if given.get("solved") is False:
            return _("诉求人评价：没有解决。已退回重办")
        case "rate":
            return _("诉求人评价：不满意。已退回重办")
        case "reopen":
            return _("要重新办理")
        case "relay":
            return _relay_text(event)
        case "merge" if isinstance(given.get("master"), int):
            return _("已并入 %s，不用单独办") % number_of(given["master"])
        case "leave_contact":
            return _("诉求人补留了联系方式")
        case "withdraw":
            return _("诉求人撤回了诉求，不用再办")
        case "chase":
            return _chase_text(event, reason, units)
        case "succeed":
            return _succession_text(event, reason)
        case _ if event.verb in ERRANDS:
            return _leg_text(event, reason, said["title"])
        case _:
            return _(verb_of(event).label)


def _change_text(change: Change) -> str:
    """Say that somebody stops helping, and what becomes of what they had."""
    if "active" in change.after:
        text = _("%s的账号停用了。手上的放回给别人接，以后的班取消了")
    elif change.after.get("state") == Volunteer.State.SUSPENDED:
        text = _("%s暂停了志愿服务。手上的放回给别人接，以后的班取消了")
    else:
        text = _("%s退队了。手上的放回给别人接，以后的班取消了")
    why = change.after.get("note", "")
    return joined(text % change.name, why)


def _scan_text(notification: Notification) -> str:
    """Say that a tag was scanned or its wearer found; never who or where."""
    match notification.reason:
        case Reason.SCANNED:
            time = f"{localtime(notification.at):%H:%M}"
            return _("%s 有人扫了守护布条。还没有人报告，点开可以看") % time
        case Reason.FOUND:
            return _("有人和您守护的人在一起，请马上点开回应")
        case _:
            return _("有人扫了守护布条，说和走失的人在一起，还没有人回应，请马上看")


def _leg_text(event: Event, reason: str, title: str) -> str:
    given = event.facts
    mine = reason in (Reason.HELPER, Reason.OFFERED)
    match event.verb:
        case "offer" if mine:
            return _("请您帮忙：%s") % title
        case "offer":
            return _("“%s”找不到人，请您安排") % title
        case "give_back" if mine:
            return _("“%s”很久没有动静，已经放回给大家") % title
        case "give_back":
            return _("“%s”交回来了，正在另外找人") % title
        case "hand_over" if given.get("done"):
            return _("“%s”双方都确认了") % title
        case "hand_over" if given.get("gave"):
            return _("“%s”：对方说给您了，请您也确认") % title
        case "hand_over":
            return _("“%s”：对方说收到了，请您也确认") % title
        case "drop":
            return _drop_text(event, mine)
        case "claim" if mine:
            return _("“%s”：前面的人已经办过一部分，请先看看再办") % title
        case "claim":
            return _("有人补报了“%s”，请看要不要报销、东西在哪里") % title
        case "collect_goods":
            return _("单位收到您交回的东西了，谢谢您")
        case "nudge" if given.get("left"):
            return _("“%s”的帮手不再帮忙了，东西还在他手上，请安排人去拿") % title
        case "nudge" if mine:
            return _("“%s”办得怎么样了？请报一下，或者交回") % title
        case "nudge":
            return _("“%s”的帮手很久没有动静，东西在他手上") % title
        case _:
            return _("有人留言")


def _drop_text(event: Event, mine: bool) -> str:
    """Say what was cancelled; to a helper that goods go back, to the unit what is to be settled."""
    given = event.facts
    said = _("不用办了：%s") % _("、").join(fact_in(given, "titles", ()))
    keepers = given.get("keepers", ())
    goods = _("已经买的东西还在帮手手上，请收回来") if keepers else ""
    if mine:
        goods = _("已经买的东西请交给单位，垫的钱照样报销") if keepers else ""
        return joined(said, goods)
    owed = given.get("owed")
    return joined(said, goods, _("还有 %.2f 元没有报销") % (owed / 100) if owed else "")


def _colleague(event: Event) -> str:
    """A colleague by name; never a requester."""
    if event.user is not None:
        return str(event.user)
    return _("诉求人") if event.actor_kind == "requester" else _("系统")


def _relay_text(event: Event) -> str:
    """Say what the requester of a merged case did."""
    given = event.facts
    number = number_of(given["appeal"])
    match given["said"]:
        case "urge":
            return _("并入的 %s：诉求人催办") % number
        case "supply":
            return _("并入的 %s：诉求人补充了情况") % number
        case _ if given.get("solved") is False:
            return _("并入的 %s：诉求人评价没有解决") % number
        case _:
            return _("并入的 %s：诉求人评价了") % number


def _succession_text(event: Event, reason: str) -> str:
    given = event.facts
    said = {"unit": given["name"], "heir": given.get("to", "")}
    if reason == Reason.SUMMONED:
        return _("%(unit)s停用了，它没办完的由您单位接替") % said
    if said["heir"]:
        return _("%(unit)s停用了，改由%(heir)s来") % said
    return _("%(unit)s停用了，没有单位接替，请另请别的单位") % said


def _ruling_text(event: Event, until: str) -> str:
    agreed = bool(event.facts.get("agree"))
    if event.facts.get("of") == "return":
        return _("同意退单") if agreed else _("不同意退单，请继续办理")
    return _("同意延期到 %s") % until if agreed else _("不同意延期，请按原时限办理")


def _chase_text(event: Event, reason: str, units: UnitNames) -> str:
    """Whose clock it is, the time left or since when it is overdue, and the next step."""
    given = event.facts
    due = parse_datetime(given["due"])
    # Those above have to be told whose case it is.
    is_above = reason in (Reason.SUPERVISOR, Reason.COMMAND, Reason.ADMIN)
    above = name_of(event.unit) if event.unit and is_above else ""
    said = {
        "unit": units.name(given.get("unit_id"), above),
        "clock": _(ClockKind(given["clock"]).label),
        "due": _format_time(given["due"]),
        "left": 100 - given["percent"],
    }
    if due is not None and event.at < due:
        if said["left"] <= 0:
            return _("%(unit)s“%(clock)s”时限快到了：%(due)s") % said
        return _("%(unit)s“%(clock)s”时限还剩 %(left)d%%：%(due)s") % said
    act = given["act"]
    if act == ChaseAct.REPORT:
        return _("上报：%(unit)s“%(clock)s”已超时，时限是 %(due)s") % said
    if act == ChaseAct.RAISE:
        return _("提级：%(unit)s“%(clock)s”已超时，时限是 %(due)s") % said
    return _("催办：%(unit)s“%(clock)s”已超时，时限是 %(due)s") % said


def _format_time(text: object) -> str:
    """`11月25日 09:00` of an ISO moment, in the city's time zone: it may be read days later."""
    moment = parse_datetime(str(text or ""))
    if moment is None:
        return ""
    local = localtime(moment)
    return f"{date_format(local, _('n月j日'))} {local:%H:%M}"
