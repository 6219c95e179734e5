"""The one table that joins statuses and verbs: MOVES.

Guards, buttons, the API's schema, the generated diagram and the tests all read it, so it imports
nothing of ours but its words, and nothing of Django's.
"""

from yinghu.appeals.rows import (
    NAMED,
    PHOTOS,
    SPEAKER,
    WHY,
    WHY_OPTIONAL,
    WORDS,
    WORDS_OPTIONAL,
)
from yinghu.appeals.rows import Field as Field
from yinghu.appeals.rows import FieldKind as FieldKind
from yinghu.appeals.rows import Move as Move
from yinghu.appeals.states import ENDED, OPEN, ClockKind, Status, Verb, Who


def _(label: str) -> str:
    """Marks a label for the translators; it is translated where it is shown."""
    return label


_DESKS = frozenset({Who.TRIAGE, Who.DISPATCH, Who.COMMAND})
_UNIT = frozenset({Who.HANDLER, Who.HEAD, Who.HOLDER})
# In a unit's name, so no volunteer, who holds a case for themselves.
_IN_NAME = _UNIT - {Who.HOLDER}
# A unit that was called may have been given the case itself since.
_CALLED = frozenset({Who.PARTY, Who.HANDLER, Who.HEAD})
_STAFF = _DESKS | _UNIT | {Who.CALLBACK, Who.VOLUNTEER, Who.PARTY}
_ALL = frozenset(Status)
_HELD = frozenset({Status.ASSIGNED, Status.HANDLING})
_LIVING = OPEN | {Status.RESOLVED}
_IN_UNIT = _HELD | {Status.WAITING}
_CLOCKS = tuple(kind for kind in ClockKind if kind is not ClockKind.GRADE)
_PAUSABLE = (
    ClockKind.RECEIVE,
    ClockKind.DISPATCH,
    ClockKind.RESPOND,
    ClockKind.ARRIVE,
    ClockKind.SOLVE,
    # Nobody can report, or rule, while the requester is asked.
    ClockKind.PROGRESS,
    ClockKind.RULING,
)

_CHAT = Field("why", FieldKind.TEXT, _("留言"))
_ERRANDS = frozenset({Who.HANDLER, Who.HEAD, Who.HOLDER, Who.DISPATCH, Who.COMMAND})


def _of_leg(
    verb: Verb,
    who: frozenset[Who],
    fields: tuple[Field, ...],
    *,
    flag: str = "legs",
    sources: frozenset[Status] = OPEN,
) -> Move:
    return Move(verb, sources, None, who, fields, flag=flag, of_leg=True)


MOVES: dict[Verb, Move] = {
    move.verb: move
    for move in (
        Move(
            Verb.FILE,
            frozenset(),
            Status.FILED,
            frozenset({Who.REQUESTER, Who.TRIAGE, Who.CALLBACK, Who.SYSTEM}),
            start=(ClockKind.RECEIVE, ClockKind.SOLVE),
        ),
        Move(
            Verb.SORT,
            frozenset({Status.FILED, Status.SORTED}),
            Status.SORTED,
            _DESKS | {Who.SYSTEM},
            (
                Field("category", FieldKind.CATEGORY, _("类别")),
                Field("klass", FieldKind.KLASS, _("性质"), required=False),
                Field("area", FieldKind.AREA, _("地点"), required=False),
                Field("urgency", FieldKind.URGENCY, _("紧急程度"), required=False),
                WHY_OPTIONAL,
            ),
            start=(ClockKind.DISPATCH,),
            stop=(ClockKind.RECEIVE,),
        ),
        Move(
            Verb.ANSWER,
            frozenset({Status.FILED, Status.SORTED}),
            Status.RESOLVED,
            _DESKS | {Who.CALLBACK},
            (WORDS, WHY_OPTIONAL),
            start=(ClockKind.FEEDBACK,),
            # What a unit was about to give back may have more clocks than these of the desk.
            stop=(*_PAUSABLE, ClockKind.HELP),
        ),
        Move(
            Verb.ASSIGN,
            frozenset({Status.SORTED, Status.ASSIGNED, Status.HANDLING}),
            Status.ASSIGNED,
            frozenset({Who.DISPATCH, Who.COMMAND, Who.SYSTEM}),
            (Field("unit", FieldKind.UNIT, _("承办单位")), WHY_OPTIONAL),
            start=(ClockKind.RESPOND,),
            stop=(ClockKind.DISPATCH, ClockKind.RESPOND, ClockKind.ARRIVE, ClockKind.RULING),
        ),
        Move(
            Verb.ACCEPT,
            frozenset({Status.ASSIGNED}),
            Status.HANDLING,
            frozenset({Who.HANDLER, Who.HEAD, Who.VOLUNTEER}),
            (WORDS_OPTIONAL,),
            start=(ClockKind.ARRIVE,),
            stop=(ClockKind.RESPOND,),
        ),
        Move(
            Verb.HAND,
            _HELD,
            Status.HANDLING,
            frozenset({Who.HANDLER, Who.HEAD, Who.SYSTEM}),
            (Field("user", FieldKind.USER, _("转给谁")), WHY_OPTIONAL),
            start=(ClockKind.ARRIVE,),
            stop=(ClockKind.RESPOND,),
        ),
        Move(
            Verb.RELEASE,
            frozenset({Status.HANDLING}),
            Status.ASSIGNED,
            frozenset({Who.HOLDER, Who.HEAD, Who.DISPATCH, Who.COMMAND, Who.SYSTEM}),
            (WHY,),
            start=(ClockKind.RESPOND,),
            stop=(ClockKind.ARRIVE,),
        ),
        Move(
            Verb.RETURN,
            _HELD,
            Status.SORTED,
            frozenset({Who.HANDLER, Who.HEAD}),
            (WHY,),
            start=(ClockKind.RULING,),
            stop=(ClockKind.RULING,),
            pause=(ClockKind.RESPOND, ClockKind.ARRIVE),
        ),
        # The dispatcher's word on what a unit asks: to give it back, or for more time.
        Move(
            Verb.RULE,
            frozenset({Status.SORTED}) | _HELD,
            None,
            frozenset({Who.DISPATCH, Who.COMMAND}),
            (Field("agree", FieldKind.BOOL, _("同意吗")), WHY),
            stop=(ClockKind.RULING,),
            needs=ClockKind.RULING,
        ),
        Move(
            Verb.ASK,
            frozenset({Status.FILED, Status.SORTED, Status.ASSIGNED, Status.HANDLING}),
            Status.WAITING,
            _DESKS | _UNIT,
            (WORDS,),
            pause=_PAUSABLE,
        ),
        Move(
            Verb.SUPPLY,
            OPEN,
            None,
            _UNIT | {Who.REQUESTER, Who.CALLBACK},
            (WORDS, PHOTOS),
            resume=_PAUSABLE,
        ),
        Move(
            Verb.REPORT,
            frozenset({Status.HANDLING}),
            None,
            _UNIT,
            (WORDS, PHOTOS, Field("arrived", FieldKind.BOOL, _("已到场"), required=False)),
        ),
        Move(Verb.NOTE, _ALL, None, _STAFF, (WHY,)),
        Move(
            Verb.URGE,
            OPEN,
            None,
            frozenset({Who.REQUESTER, Who.CALLBACK, Who.COMMAND}),
            (WORDS_OPTIONAL,),
        ),
        Move(
            Verb.EXTEND,
            _HELD,
            None,
            _UNIT | {Who.DISPATCH, Who.COMMAND},
            (Field("until", FieldKind.TIME, _("延至")), WHY),
        ),
        Move(
            Verb.ESCALATE,
            frozenset({Status.SORTED, Status.ASSIGNED, Status.HANDLING}),
            Status.ASSIGNED,
            _DESKS | _UNIT | {Who.SYSTEM},
            (WHY,),
            start=(ClockKind.RESPOND, ClockKind.SOLVE, ClockKind.PROGRESS),
            stop=(
                ClockKind.DISPATCH,
                ClockKind.RESPOND,
                ClockKind.ARRIVE,
                ClockKind.SOLVE,
                ClockKind.PROGRESS,
                ClockKind.RULING,
            ),
        ),
        Move(
            Verb.RESOLVE,
            frozenset({Status.HANDLING}),
            Status.RESOLVED,
            # By itself when its errands are done.
            _UNIT | {Who.SYSTEM},
            (
                WORDS,
                PHOTOS,
                Field("why", FieldKind.TEXT, _("协办还没有回复，为什么不等"), required=False),
            ),
            start=(ClockKind.FEEDBACK,),
            stop=(
                ClockKind.RESPOND,
                ClockKind.ARRIVE,
                ClockKind.SOLVE,
                ClockKind.PROGRESS,
                ClockKind.RULING,
                ClockKind.HELP,
            ),
        ),
        Move(
            Verb.RATE,
            frozenset({Status.RESOLVED, Status.CLOSED}),
            None,
            frozenset({Who.REQUESTER, Who.CALLBACK}),
            (
                Field(
                    "solved", FieldKind.BOOL, _("解决了吗"), answers=(_("解决了"), _("没有解决"))
                ),
                Field("satisfaction", FieldKind.SATISFACTION, _("满意程度")),
                Field("unreached", FieldKind.BOOL, _("单位没有联系过诉求人"), required=False),
                WORDS_OPTIONAL,
            ),
            stop=(ClockKind.FEEDBACK,),
        ),
        Move(
            Verb.REOPEN,
            frozenset({Status.RESOLVED}) | ENDED,
            Status.FILED,
            frozenset({Who.REQUESTER, Who.CALLBACK, Who.TRIAGE, Who.COMMAND, Who.SYSTEM}),
            (WORDS,),
            start=(ClockKind.SOLVE,),
            stop=(ClockKind.FEEDBACK,),
        ),
        Move(
            Verb.CLOSE,
            frozenset({Status.RESOLVED}),
            Status.CLOSED,
            frozenset({Who.TRIAGE, Who.CALLBACK, Who.COMMAND, Who.SYSTEM}),
            (WHY_OPTIONAL,),
            stop=_CLOCKS,
        ),
        Move(
            Verb.MERGE,
            OPEN,
            Status.MERGED,
            _DESKS,
            (Field("master", FieldKind.APPEAL, _("并入")), WHY_OPTIONAL),
            stop=_CLOCKS,
        ),
        Move(
            Verb.DECLINE,
            frozenset({Status.FILED, Status.SORTED}),
            Status.DECLINED,
            _DESKS,
            (WORDS, WHY_OPTIONAL),
            stop=_CLOCKS,
        ),
        Move(
            Verb.WITHDRAW,
            OPEN,
            Status.WITHDRAWN,
            frozenset({Who.REQUESTER}),
            (WORDS_OPTIONAL,),
            stop=_CLOCKS,
        ),
        Move(
            Verb.INVITE,
            _HELD,
            None,
            _UNIT | {Who.DISPATCH, Who.COMMAND},
            (
                Field("unit", FieldKind.UNIT, _("协办单位")),
                Field("until", FieldKind.TIME, _("请在什么时候以前回复")),
                Field("why", FieldKind.TEXT, _("请他们办什么（内部）")),
            ),
        ),
        Move(
            Verb.REPLY,
            _LIVING,
            None,
            frozenset({Who.PARTY}),
            (Field("why", FieldKind.TEXT, _("协办情况（内部）")),),
            needs=ClockKind.HELP,
        ),
        Move(
            Verb.SUPERVISE,
            _LIVING,
            None,
            frozenset({Who.COMMAND}),
            (
                Field("until", FieldKind.TIME, _("请在什么时候以前回复")),
                Field("why", FieldKind.TEXT, _("督办要求（内部）")),
            ),
        ),
        Move(
            Verb.ACCOUNT,
            _LIVING,
            None,
            _UNIT | {Who.TRIAGE, Who.DISPATCH},
            (Field("why", FieldKind.TEXT, _("对督办的回复（内部）")),),
            stop=(ClockKind.ACCOUNT,),
            needs=ClockKind.ACCOUNT,
        ),
        Move(
            Verb.LIFT,
            _ALL,
            None,
            frozenset({Who.COMMAND}),
            (WHY,),
            stop=(ClockKind.ACCOUNT,),
            flag="watched",
        ),
        Move(
            Verb.WHISTLE,
            OPEN,
            None,
            _IN_NAME | _DESKS,
            (
                Field("occasion", FieldKind.OCCASION, _("为什么吹哨")),
                Field("units", FieldKind.UNITS, _("请哪些单位报到")),
                Field("until", FieldKind.TIME, _("请在什么时候以前报到")),
                Field("place", FieldKind.TEXT, _("到哪里集合")),
                Field("why", FieldKind.TEXT, _("要办什么（内部）")),
            ),
        ),
        Move(
            Verb.REPORT_IN,
            _LIVING,
            None,
            _CALLED,
            (
                SPEAKER,
                Field("point", FieldKind.POINT, _("我的位置"), required=False),
                Field("why", FieldKind.TEXT, _("谁来了（内部）"), required=False),
            ),
            needs=ClockKind.WHISTLE,
        ),
        Move(
            Verb.MEASURES,
            _LIVING,
            None,
            _CALLED,
            (
                SPEAKER,
                Field("received", FieldKind.TIME, _("什么时候收到")),
                Field("spoken_to", FieldKind.TEXT, _("和谁对接（内部）")),
                Field("why", FieldKind.TEXT, _("采取的措施（内部）")),
                Field("until", FieldKind.TIME, _("什么时候办好")),
            ),
            needs=ClockKind.MEASURES,
        ),
        Move(
            Verb.CONTEST,
            _LIVING,
            None,
            _CALLED,
            (SPEAKER, WHY),
            needs=ClockKind.WHISTLE,
        ),
        Move(
            Verb.JUDGE,
            _LIVING,
            None,
            frozenset({Who.COMMAND}),
            (NAMED, Field("agree", FieldKind.BOOL, _("同意不来吗")), WHY),
            needs=ClockKind.CONTEST,
            any_unit=True,
        ),
        Move(
            Verb.GRADE,
            _ALL,
            None,
            _UNIT | _DESKS | {Who.PARTY},
            (NAMED, Field("satisfaction", FieldKind.SATISFACTION, _("评价")), WHY_OPTIONAL),
            needs=ClockKind.GRADE,
        ),
        # With a task force, both ways: see `oversight.sharing`.
        Move(
            Verb.SHARE,
            frozenset({Status.SORTED}) | _IN_UNIT,
            None,
            _IN_NAME | {Who.DISPATCH, Who.COMMAND},
            (
                Field("unit", FieldKind.NAMED, _("和谁共享"), among="partners"),
                Field("why", FieldKind.TEXT, _("请他们办什么（内部）")),
            ),
        ),
        Move(
            Verb.CONTACT,
            _LIVING,
            None,
            _CALLED,
            (
                Field("user", FieldKind.USER, _("谁来对接"), required=False, among="colleagues"),
                Field("unit", FieldKind.NAMED, _("代表哪个单位"), required=False, among="sides"),
            ),
        ),
        Move(
            Verb.UNSHARE,
            _ALL,
            None,
            _IN_NAME | {Who.DISPATCH, Who.COMMAND, Who.PARTY},
            (Field("unit", FieldKind.NAMED, _("结束和谁的共享"), among="shared"), WHY),
            flag="also",
        ),
        Move(
            Verb.NO_ANSWER,
            frozenset({Status.RESOLVED, Status.CLOSED}),
            None,
            frozenset({Who.CALLBACK}),
            (WHY_OPTIONAL,),
        ),
        # What the sweep does, many at once: see `oversight.sweep`.
        Move(Verb.CHASE, _LIVING, None, frozenset({Who.SYSTEM})),
        # Errands: each step is done to a leg, and `dispatch.legs` says by whom.
        _of_leg(Verb.PLAN, _ERRANDS | {Who.SYSTEM}, (), flag="", sources=_IN_UNIT),
        _of_leg(Verb.OFFER, frozenset({Who.SYSTEM}), (), sources=_IN_UNIT),
        _of_leg(Verb.TAKE, frozenset({Who.HELPER}), (), sources=_IN_UNIT),
        _of_leg(Verb.GIVE_BACK, frozenset({Who.HELPER, Who.SYSTEM}), (WHY,)),
        _of_leg(Verb.HAND_OVER, frozenset({Who.HELPER}), ()),
        _of_leg(Verb.FINISH, frozenset({Who.HELPER}), (WORDS_OPTIONAL, PHOTOS)),
        _of_leg(Verb.DROP, _ERRANDS | {Who.SYSTEM}, (WHY,), sources=_ALL),
        _of_leg(Verb.NUDGE, frozenset({Who.SYSTEM}), ()),
        _of_leg(Verb.REPAY, _ERRANDS, (WHY_OPTIONAL,), flag="", sources=_ALL),
        _of_leg(Verb.SAY, _ERRANDS | {Who.HELPER}, (_CHAT,), flag="", sources=_ALL),
    )
}

OF_LEGS = frozenset(verb for verb, move in MOVES.items() if move.of_leg)
"""Verbs that are done to a leg of an errand."""

BY_ITSELF = frozenset(verb for verb, move in MOVES.items() if move.who == {Who.SYSTEM})
"""Verbs that no page and no API call does."""


def resting_status(*, held: bool, unit: bool, category: bool, returned: bool = False) -> Status:
    """Where an appeal belongs by what is known of it: after a question or a ruling, and when
    reopened.

    With a holder it is in handling, with a unit only it waits to be accepted, with a category only
    it waits for dispatch, else for triage. What its unit asks to give back waits for dispatch.
    """
    if returned:
        return Status.SORTED
    if held:
        return Status.HANDLING
    if unit:
        return Status.ASSIGNED
    return Status.SORTED if category else Status.FILED


RESTING_CLOCK = {
    Status.FILED: ClockKind.RECEIVE,
    Status.SORTED: ClockKind.DISPATCH,
    Status.ASSIGNED: ClockKind.RESPOND,
    Status.HANDLING: ClockKind.ARRIVE,
}
"""The first-time that runs while an appeal rests at a status; `reopen` starts it."""

BY_REST = frozenset({Verb.SUPPLY, Verb.REOPEN, Verb.RULE})
"""Verbs whose target is `resting_status`: supply (only from waiting), reopen and rule."""
