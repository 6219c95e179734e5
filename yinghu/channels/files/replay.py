"""Replay of appeals that were answered elsewhere: each is carried to its end by the usual verbs.

It is sorted as suggested, in the platform's name: no clerk decided it, so nothing is learned from
it. Then people of the city do the rest: the rule or the dispatcher assigns, a handler of that unit
accepts and resolves with the original answer (if no rule takes a question of policy, a clerk
answers it), the requester rates, a clerk closes. Each appeal is continued from its present status
in one transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals import actions, closing_actions, handling_actions, moving
from yinghu.appeals.actions import ACCEPT, ANSWER, ASSIGN
from yinghu.appeals.closing_actions import CLOSE
from yinghu.appeals.models import Appeal, Category, Event
from yinghu.appeals.states import ENDED, Klass, Satisfaction, Status
from yinghu.appeals.verb import Verb
from yinghu.channels.files.importing import Ids, Rejects, RowId, earlier_message
from yinghu.channels.files.mapping import RowReader, Unclear
from yinghu.common.tables.table_reader import Row, Source
from yinghu.intake.receive import known_messages
from yinghu.people.access import SYSTEM, Actor, actor_of, relations, requester_of
from yinghu.people.models import Post, Role, Unit, User
from yinghu.routing.routing import active_rules, route
from yinghu.triage import suggest
from yinghu.triage.models import Suggestion

BATCH: Final = 100
SURE_AREA: Final = 0.8
"""Confidence from which a suggested area is used."""
_TRIES: Final = 30
"""Attempts per appeal: five moves, and as many again for every concurrent change."""


class Unable(Exception):
    """An appeal that nobody available can process, and why."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A file's data on one appeal: answer, time of the answer, the unit's code or name."""

    words: str
    at: datetime | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Defaults for data that the file lacks: unit for unrouted appeals, and ratings."""

    unit: str = ""
    category: str = "other"
    satisfaction: Satisfaction = Satisfaction.SATISFIED


@dataclass(slots=True)
class ReplayReport:
    """Counts of the rows: closed by this run, ended before, without an answer, unable."""

    closed: int = 0
    ended_before: int = 0
    unanswered: int = 0
    unable: int = 0

    @property
    def read(self) -> int:
        return self.closed + self.ended_before + self.unanswered + self.unable


class City:
    """The people of this city who can do each step, and its rules; looked up once."""

    def __init__(self, defaults: Defaults) -> None:
        self.defaults = defaults
        self.rules = active_rules()
        self.categories = set(Category.objects.filter(active=True).values_list("pk", flat=True))
        self._units = {unit.code: unit for unit in Unit.objects.filter(active=True)}
        self._units |= {unit.name: unit for unit in self._units.values()}
        self._actors: dict[int, Actor] = {}
        posts = Post.objects.filter(active=True, unit__active=True, user__is_active=True)
        self._posts = list(posts.order_by("pk").select_related("user"))

    def unit(self, name: str) -> Unit:
        """Return the active unit with this code or name. Raises Unable."""
        found = self._units.get(name)
        if found is None:
            raise Unable(_("没有这个单位：%s") % name)
        return found

    def holder(self, user_id: int) -> Actor:
        if user_id not in self._actors:
            self._actors[user_id] = actor_of(User.objects.get(pk=user_id))
        return self._actors[user_id]

    def able(self, verb: Verb, appeal: Appeal, *roles: Role) -> Actor:
        """Return the first actor with one of the roles who may do this. Raises Unable."""
        for post in self._posts:
            if post.role in roles and verb.who & relations(
                actor := self.holder(post.user_id), appeal
            ):
                return actor
        raise Unable(
            _("没有人能“%(verb)s”：%(where)s没有%(roles)s")
            % {
                "verb": _(verb.label),
                "where": appeal.unit or appeal.area or _("平台"),
                "roles": _("、").join(str(role.label) for role in roles),
            }
        )


class Replay:
    """One run over one file whose rows have been imported. `report` is correct at any time."""

    def __init__(
        self, source: Source, reader: RowReader, rejects: Rejects, defaults: Defaults
    ) -> None:
        self.report = ReplayReport()
        self._source, self._reader, self._rejects = source, reader, rejects
        self._city = City(defaults)
        self._ids = Ids(reader)

    def run(self, step: Callable[[], None] = lambda: None) -> ReplayReport:
        """Carry every answered row to its end; `step` is called after each batch."""
        batch: list[tuple[Row, RowId]] = []
        for row in self._source:
            try:
                key = self._ids.of(row)
            except Unclear:
                continue
            if isinstance(row, Row):
                batch.append((row, key))
            if len(batch) >= BATCH:
                self._carry_all(batch)
                batch = []
                step()
        self._carry_all(batch)
        step()
        return self.report

    def _carry_all(self, batch: Sequence[tuple[Row, RowId]]) -> None:
        keys = [each for _row, key in batch for each in (key.own, key.other) if each]
        found = known_messages(self._reader.channel, keys)
        answered: list[tuple[Row, int, Answered]] = []
        for row, key in batch:
            earlier = earlier_message(found, key, *self._reader.words(row))
            if earlier is None:
                continue
            try:
                answer = self._answer(row)
            except Unclear as why:
                self._refuse(row, str(why))
                continue
            if answer is None:
                self.report.unanswered += 1
            else:
                answered.append((row, earlier.appeal_id, answer))
        self._suggest([appeal_id for _row, appeal_id, _answer in answered])
        for row, appeal_id, answer in answered:
            try:
                self._carry(appeal_id, answer)
            except (Unable, moving.Refused) as why:
                self._refuse(row, str(why))

    def _answer(self, row: Row) -> Answered | None:
        words = self._reader.cell(row, "answer")
        if not words:
            return None
        if len(words) > moving.MAX_WORDS:
            raise Unclear(_("答复有 %d 字，太长") % len(words))
        at = self._reader.when(row, "answered_at")
        return Answered(words, at, self._reader.cell(row, "unit"))

    def _suggest(self, appeal_ids: list[int]) -> None:
        """Write suggestions that the worker has not made yet."""
        waiting = Appeal.objects.filter(
            pk__in=appeal_ids, status=Status.FILED, suggestion__isnull=True
        )
        suggest.suggest(list(waiting))
        self._suggested = Suggestion.objects.in_bulk(appeal_ids)

    def _refuse(self, row: Row, why: str) -> None:
        self.report.unable += 1
        self._rejects.add(row, why)

    def _carry(self, appeal_id: int, answer: Answered) -> None:
        """Move one appeal from its present status to its end; a failure keeps earlier moves."""
        unable: Unable | None = None
        with transaction.atomic():
            moved = False
            appeal = Appeal.objects.get(pk=appeal_id)
            for _look in range(_TRIES):
                if appeal.state in ENDED:
                    break
                try:
                    event = self._next(appeal, answer)
                except moving.Conflict:
                    # It was changed concurrently.
                    appeal = Appeal.objects.get(pk=appeal_id)
                except Unable as why:
                    unable = why
                    break
                else:
                    moved = True
                    appeal = event.appeal
                    appeal.version = event.seq
            else:
                unable = Unable(_("别人一直在处理这件诉求"))
        if unable is not None:
            raise unable
        if moved:
            self.report.closed += 1
        else:
            self.report.ended_before += 1

    def _next(self, appeal: Appeal, answer: Answered) -> Event:
        city, pk, version = self._city, appeal.pk, appeal.version
        match appeal.state:
            case Status.FILED:
                return self._sort(appeal)
            case Status.SORTED:
                return self._assign(appeal, answer)
            case Status.ASSIGNED:
                handler = city.able(ACCEPT, appeal, Role.HANDLER, Role.HEAD, Role.GRID_WORKER)
                return actions.accept(pk, handler, expect=version)
            case Status.HANDLING if appeal.holder_id is not None:
                holder = city.holder(appeal.holder_id)
                return handling_actions.resolve(pk, holder, words=answer.words, expect=version)
            case Status.RESOLVED if appeal.solved is None:
                rating = city.defaults.satisfaction
                return closing_actions.rate(
                    pk, requester_of(pk), solved=True, satisfaction=rating, expect=version
                )
            case Status.RESOLVED:
                clerk = city.able(CLOSE, appeal, Role.CLERK, Role.OPERATOR)
                return closing_actions.close(pk, clerk, why=_why(answer), expect=version)
            case _:
                raise Unable(_("正在等诉求人补充"))

    def _sort(self, appeal: Appeal) -> Event:
        city = self._city
        made = self._suggested.get(appeal.pk)
        category = made.category_id if made else None
        if category not in city.categories:
            category = city.defaults.category
        area = ""
        if made and made.area_id and made.area_confidence >= SURE_AREA and not appeal.area_id:
            area = made.area_id
        return actions.sort(
            appeal.pk,
            SYSTEM,
            category=category,
            area=area,
            urgency=made.urgency if made else None,
            why=_("回放：按建议"),
            expect=appeal.version,
        )

    def _assign(self, appeal: Appeal, answer: Answered) -> Event:
        city = self._city
        rule = None if answer.unit else route(appeal, city.rules)
        if rule is not None:
            why = _("规则 %d") % rule.order
            return actions.assign(
                appeal.pk, SYSTEM, unit=rule.unit.code, why=why, expect=appeal.version
            )
        if appeal.klass == Klass.POLICY and not answer.unit:
            # A question of policy only needs an answer; it need not be assigned.
            clerk = city.able(ANSWER, appeal, Role.CLERK, Role.OPERATOR)
            return actions.answer(
                appeal.pk, clerk, words=answer.words, why=_("回放"), expect=appeal.version
            )
        if not (answer.unit or city.defaults.unit):
            raise Unable(
                _("类别“%s”没有路由规则，也没有用 --unit 指定单位")
                % (appeal.category and appeal.category.name)
            )
        unit = city.unit(answer.unit or city.defaults.unit)
        dispatcher = city.able(ASSIGN, appeal, Role.DISPATCHER, Role.SUPERVISOR, Role.COMMANDER)
        return actions.assign(
            appeal.pk, dispatcher, unit=unit.code, why=_("回放"), expect=appeal.version
        )


def _why(answer: Answered) -> str:
    if answer.at is None:
        return _("回放")
    return _("回放：原答复于 %s") % timezone.localtime(answer.at).strftime("%Y-%m-%d %H:%M:%S")
