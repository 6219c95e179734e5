"""History of the configuration in words: what changed, and who did it."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from yinghu.common.config_types.config_form import FormContext, State
from yinghu.common.config_types.config_type import ConfigType
from yinghu.people.models import Change


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, before and after, in words."""

    label: str
    before: str
    after: str
    by: str = ""


def differences(before: State, after: State, context: FormContext) -> list[Difference]:
    """Return the fields that differ between two states of a row, in the order of the columns."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    columns = context.type.columns
    names.sort(key=lambda name: columns.index(name) if name in columns else len(columns))
    return [_difference(name, before, after, context) for name in names]


def _difference(
    name: str, before: State, after: State, context: FormContext, by: str = ""
) -> Difference:
    old, new = (
        context.type.display_value(name, state.get(name), context) for state in (before, after)
    )
    return Difference(context.type.label_of(name), old, new, by)


def changed_meanwhile(
    config_type: ConfigType, key: str, seen: State, now: State
) -> list[Difference]:
    """Describe what others have changed since a form was loaded, and who they are."""
    found, context = [], config_type.context(config_type)
    for name in seen:
        if seen[name] == now.get(name):
            continue
        changes = Change.objects.filter(kind=config_type.name, key=key, after__has_key=name)
        last = changes.select_related("user").order_by("-id").first()
        by = str(last.user) if last is not None and last.user else _("命令行或其他系统")
        found.append(_difference(name, seen, now, context, by))
    return found


def describe(change: Change, context: FormContext | None) -> list[Difference]:
    """Return the differences of a change; raw fields if its type has no form."""
    if _done_to_login(change):
        return []
    if context:
        return differences(change.before, change.after, context)
    return [
        Difference(name, _stored(change.before.get(name)), _stored(change.after.get(name)))
        for name in {**change.before, **change.after}
    ]


def _stored(value: object) -> str:
    return _("（空）") if value in (None, "") else str(value)


def what_was_done(change: Change) -> str:
    """Name the change: added, changed, removed, retired, restored, or an action on a login."""
    if done := _done_to_login(change):
        return done
    if not change.before:
        return _("新增")
    if not change.after:
        return _("去掉")
    if set(change.after) == {"active"}:
        return _("恢复") if change.after["active"] else _("停用")
    return _("修改")


def _done_to_login(change: Change) -> str:
    """Describe an action on a login that is not in its form; "" for anything else."""
    names = {*change.before, *change.after}
    if names == {"invited"}:
        return _("发了邀请链接") if change.after else _("作废了邀请链接")
    if names == {"password"}:
        return _("用邀请链接设了密码")
    return _("去掉了动态码") if names == {"second_factor"} else ""
