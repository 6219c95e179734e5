"""Labels whose one Chinese word is several in English: a status, an act, an act that is done."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status, Verb
from yinghu.common.language import is_english
from yinghu.common.masking import without_numbers

_LOOKED_AT = 600
"""Characters of the words that a headline is made of: masking shortens them, never to a tenth."""


def question_label(question: dict[str, Any]) -> str:
    """A category's question as asked, in the language of the page."""
    return str((is_english() and question.get("label_en")) or question["label"])


def headline_of(appeal: Appeal, *, reveal: bool) -> str:
    """The title, or the beginning of the words; masked before it is cut, for half a number that
    the cut left would not be known for one."""
    if reveal:
        return appeal.headline
    return without_numbers(appeal.title) or without_numbers(appeal.body[:_LOOKED_AT])[:60]


def status_label(status: Status) -> str:
    """The status in the reader's language."""
    return pgettext("status", "不予受理") if status is Status.DECLINED else _(status.label)


def done_label(verb: Verb) -> str:
    """The verb as what was done, in the reader's language."""
    match verb:
        case Verb.FILE:
            return pgettext("done", "提交")
        case Verb.SORT:
            return pgettext("done", "研判")
        case Verb.ANSWER:
            return pgettext("done", "答复")
        case Verb.ASSIGN:
            return pgettext("done", "派单")
        case Verb.ACCEPT:
            return pgettext("done", "接单")
        case Verb.HAND:
            return pgettext("done", "转交")
        case Verb.RELEASE:
            return pgettext("done", "放回")
        case Verb.RETURN:
            return pgettext("done", "申请退单")
        case Verb.ASK:
            return pgettext("done", "请补充")
        case Verb.SUPPLY:
            return pgettext("done", "补充")
        case Verb.REPORT:
            return pgettext("done", "报进展")
        case Verb.NOTE:
            return pgettext("done", "内部备注")
        case Verb.URGE:
            return pgettext("done", "催办")
        case Verb.EXTEND:
            return pgettext("done", "延期")
        case Verb.ESCALATE:
            return pgettext("done", "提级")
        case Verb.RESOLVE:
            return pgettext("done", "办结")
        case Verb.RATE:
            return pgettext("done", "评价")
        case Verb.REOPEN:
            return pgettext("done", "重办")
        case Verb.CLOSE:
            return pgettext("done", "销号")
        case Verb.MERGE:
            return pgettext("done", "并单")
        case Verb.DECLINE:
            return pgettext("done", "不予受理")
        case Verb.WITHDRAW:
            return pgettext("done", "撤回")
        case Verb.RULE:
            return pgettext("done", "裁定")
        case Verb.INVITE:
            return pgettext("done", "请协办")
        case Verb.REPLY:
            return pgettext("done", "协办回复")
        case Verb.SUPERVISE:
            return pgettext("done", "督办")
        case Verb.ACCOUNT:
            return pgettext("done", "回复督办")
        case Verb.LIFT:
            return pgettext("done", "解除督办")
        case Verb.WHISTLE:
            return pgettext("done", "吹哨")
        case Verb.REPORT_IN:
            return pgettext("done", "报到")
        case Verb.MEASURES:
            return pgettext("done", "报四要素")
        case Verb.CONTEST:
            return pgettext("done", "提异议")
        case Verb.JUDGE:
            return pgettext("done", "裁定异议")
        case Verb.GRADE:
            return pgettext("done", "评哨")
        case Verb.SHARE:
            return pgettext("done", "共享")
        case Verb.CONTACT:
            return pgettext("done", "定对接人")
        case Verb.UNSHARE:
            return pgettext("done", "结束共享")
        case Verb.NO_ANSWER:
            return pgettext("done", "回访未接通")
        case Verb.CHASE:
            return pgettext("done", "催督")
        case Verb.PLAN:
            return pgettext("done", "安排跑腿")
        case Verb.OFFER:
            return pgettext("done", "请人帮忙")
        case Verb.TAKE:
            return pgettext("done", "接一程")
        case Verb.GIVE_BACK:
            return pgettext("done", "交回一程")
        case Verb.HAND_OVER:
            return pgettext("done", "交接")
        case Verb.FINISH:
            return pgettext("done", "办完一程")
        case Verb.DROP:
            return pgettext("done", "取消一程")
        case Verb.NUDGE:
            return pgettext("done", "问进展")
        case Verb.REPAY:
            return pgettext("done", "报销")
        case Verb.SAY:
            return pgettext("done", "留言")
