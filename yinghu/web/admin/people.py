"""People in the set-up: who can log in, and at which posts they stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.appeals import loop
from yinghu.appeals.models import Appeal
from yinghu.appeals.moves import MOVES
from yinghu.appeals.states import OPEN, Verb
from yinghu.people import invitations
from yinghu.people.access import SYSTEM, administrators
from yinghu.people.models import Post, Role, Unit, User
from yinghu.people.sessions import end_sessions
from yinghu.places import locate
from yinghu.ui.forms import LineField, PickerSelect, name_of
from yinghu.web.admin.kinds import (
    Around,
    Concern,
    Kind,
    Listed,
    SetupForm,
    State,
    area_field,
    with_code,
)

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")


_LAST_ADMIN = gettext_lazy("这是最后一位管理员：停用以后，就没有人能进设置了。请先另设一位管理员。")


class UserForm(SetupForm):
    fixed = ("username",)
    username = forms.CharField(max_length=40)
    display_name = LineField(max_length=60)

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if not _LOGIN.fullmatch(name):
            raise ValidationError(_("登录名用小写英文字母、数字、点、短横，至少两个字"))
        return self.must_be_new(name)


class Users(Kind):
    def things(self) -> QuerySet[User]:
        return User.objects.prefetch_related("posts__unit").order_by("username")

    def unasked(self) -> Iterable[User]:
        return _colleagues(self.things())

    def find(self, key: str) -> User | None:
        return User.objects.filter(username=key).first()

    def there(self, keys: Collection[str]) -> set[str]:
        return set(User.objects.filter(username__in=keys).values_list("username", flat=True))

    def key(self, thing: User) -> str:
        return thing.username

    def keys_of(self, thing: User) -> State:
        return {"username": thing.username}

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        return cells.get("username", "")

    def key_of(self, values: State) -> str:
        return str(values["username"])

    def state(self, thing: User) -> State:
        return {"display_name": thing.display_name, "active": thing.is_active}

    def make(self, values: State) -> User:
        user = User(username=values["username"], display_name=values["display_name"])
        user.set_unusable_password()
        user.save()
        return user

    def write(self, thing: User, values: State) -> None:
        if "display_name" in values:
            thing.display_name = values["display_name"]
        if "active" in values:
            thing.is_active = values["active"]
        thing.save(update_fields=["display_name", "is_active"])
        if values.get("active") is False:
            invitations.revoke(thing)
            # Else, once back in use, they would be logged in again wherever they were.
            end_sessions(thing)
            for appeal in _held(thing).filter(status__in=MOVES[Verb.RELEASE].sources):
                # Resolved, returned or handed on meanwhile, it needs no release.
                with suppress(loop.Refused):
                    loop.release(appeal.pk, SYSTEM, why=_("承办人的账号停用了"))

    def label(self, thing: User) -> str:
        return str(thing)

    def search_words(self, thing: User) -> tuple[str, ...]:
        units = [post.unit.name for post in thing.posts.all()]
        roles = [str(Role(post.role).label) for post in thing.posts.all()]
        return (thing.username, thing.display_name, *units, *roles)

    def listed(self, things: Sequence[User]) -> list[Listed]:
        waiting = invitations.waiting(things)
        return [
            Listed(
                user.username,
                str(user),
                user.username,
                (_posts_said(user), _way_in(user, invited=user.pk in waiting)),
                user.is_active,
                "user",
            )
            for user in things
        ]

    def obstacle(self, thing: User) -> str:
        others = administrators().exclude(user=thing)
        is_admin = administrators().filter(user=thing).exists()
        return str(_LAST_ADMIN) if is_admin and not others.exists() else ""

    def count(self) -> int:
        return _colleagues(User.objects.filter(is_active=True)).count()

    def concerns(self, thing: User) -> list[Concern]:
        held = _held(thing).count()
        found = [Concern(_("马上就进不来了，已经登录的也会退出，邀请链接作废"))]
        if held:
            said = (
                ngettext(
                    "手上有 %d 件没办完的：在办的会放回单位，由别人接",
                    "手上有 %d 件没办完的：在办的会放回单位，由别人接",
                    held,
                )
                % held
            )
            found.append(Concern(said, grave=True))
        return found

    def warnings(self) -> list[str]:
        # Volunteers get theirs when they are taken in, and lose it when they leave.
        staff = User.objects.filter(is_active=True, volunteer=None)
        idle = staff.exclude(posts__active=True).count()
        return (
            [
                ngettext(
                    "%d 个人还没有岗位，登录后什么也看不到。",
                    "%d 个人还没有岗位，登录后什么也看不到。",
                    idle,
                )
                % idle
            ]
            if idle
            else []
        )


def _colleagues(users: QuerySet[User]) -> QuerySet[User]:
    """Without those who only help as volunteers: there can be thousands, on a page of their own."""
    posts = Post.objects.filter(active=True).exclude(role=Role.VOLUNTEER)
    return users.filter(Q(volunteer=None) | Q(pk__in=posts.values("user")))


def _held(user: User) -> Any:
    return Appeal.objects.filter(holder=user, status__in=[status.value for status in OPEN])


def _posts_said(user: User) -> str:
    posts = [post for post in user.posts.all() if post.active]
    said = [f"{name_of(post.unit)} · {Role(post.role).label}" for post in posts]
    return _("；").join(said) or _("没有岗位")


def _way_in(user: User, *, invited: bool) -> str:
    if user.has_usable_password():
        return _("有密码")
    return _("已邀请，还没来") if invited else _("还没有密码")


class _AroundPosts(Around):
    @cached_property
    def users(self) -> dict[str, User]:
        return {user.username: user for user in _colleagues(User.objects.all())}

    def who(self, username: str) -> dict[str, User]:
        """Those to choose from, and whoever has been chosen already, a volunteer for one."""
        if username in self.users:
            return self.users
        return self.users | {user.username: user for user in User.objects.filter(username=username)}


class PostForm(SetupForm):
    fixed = ("user", "unit", "role", "area")
    user = forms.ChoiceField(widget=PickerSelect)
    unit = forms.ChoiceField(widget=PickerSelect)
    role = forms.ChoiceField(choices=Role.choices)
    area = area_field()

    def prepare(self) -> None:
        around = self.around
        assert isinstance(around, _AroundPosts)  # noqa: S101  # for the type checker
        chosen = str(self.data.get("user") or self.initial.get("user") or "").replace("\x00", "")
        people = [
            (name, with_code(str(user), name))
            for name, user in around.who(chosen).items()
            if user.is_active
        ]
        units = [(code, name_of(unit)) for code, unit in around.units.items() if unit.active]
        for name, choices, wrong in (
            ("user", people, _("没有登录名为 %(value)s 的在用账号")),
            ("unit", units, _("没有代码为 %(value)s 的在用单位")),
            ("role", list(Role.choices), _("岗位应是这几个之一：%s") % _("、").join(Role.values)),
        ):
            field = self.fields.get(name)
            if isinstance(field, forms.ChoiceField):
                field.choices = [("", _("请选择")), *choices]
                field.error_messages["invalid_choice"] = wrong

    def clean(self) -> State:
        given: State = super().clean() or {}
        if self.key or self.errors:
            return given
        if given["role"] == Role.ADMIN and given["area"]:
            self.add_error("area", _("设置对全市都有效，管理员不能只管一片：请把这里空着"))
            return given
        key = _key_of(given["user"], given["unit"], given["role"], given["area"])
        if key in self.around.states:
            raise ValidationError(_("这个人已经有这个岗位了"))
        return given


def _key_of(user: str, unit: str, role: str, area: str) -> str:
    return ":".join((user, unit, role, area))


_OF_COLLEAGUES = ~Q(role=Role.VOLUNTEER) | Q(user__volunteer=None)
"""Posts other than those that volunteers have as such."""


class Posts(Kind):
    def things(self) -> QuerySet[Post]:
        return Post.objects.select_related("user", "unit").order_by("unit__name", "user__username")

    def unasked(self) -> Iterable[Post]:
        return self.things().filter(_OF_COLLEAGUES)

    def find(self, key: str) -> Post | None:
        parts = key.split(":")
        if len(parts) != 4:
            return None
        user, unit, role, area = parts
        found = Post.objects.filter(user__username=user, unit__code=unit, role=role)
        return found.filter(area=area or None).select_related("user", "unit").first()

    def there(self, keys: Collection[str]) -> set[str]:
        of = {key.split(":")[0] for key in keys}
        posts = Post.objects.select_related("user", "unit").filter(user__username__in=of)
        return {self.key(post) for post in posts}.intersection(keys)

    def key(self, thing: Post) -> str:
        return _key_of(thing.user.username, thing.unit.code, thing.role, thing.area_id or "")

    def keys_of(self, thing: Post) -> State:
        return {
            "user": thing.user.username,
            "unit": thing.unit.code,
            "role": thing.role,
            "area": thing.area_id or "",
        }

    @property
    def needed(self) -> tuple[str, ...]:
        return ("user", "unit", "role")

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        return self.key_of(dict(cells))

    def key_of(self, values: State) -> str:
        return _key_of(*(values.get(name, "") for name in ("user", "unit", "role", "area")))

    def state(self, thing: Post) -> State:
        return {"active": thing.active}

    def make(self, values: State) -> Post:
        return Post.objects.create(
            user=User.objects.get(username=values["user"]),
            unit=Unit.objects.get(code=values["unit"]),
            role=values["role"],
            area_id=values["area"] or None,
        )

    def write(self, thing: Post, values: State) -> None:
        if "active" in values:
            thing.active = values["active"]
            thing.save(update_fields=["active"])

    def label(self, thing: Post) -> str:
        return f"{thing.user} · {name_of(thing.unit)} · {Role(thing.role).label}"

    def search_words(self, thing: Post) -> tuple[str, ...]:
        said = (str(thing.user), thing.user.username, thing.unit.name, thing.unit.name_en)
        return (*said, thing.unit.code, str(Role(thing.role).label))

    def listed(self, things: Sequence[Post]) -> list[Listed]:
        areas = locate.known_areas()
        return [
            Listed(
                self.key(post),
                f"{post.user} · {Role(post.role).label}",
                post.user.username,
                (
                    name_of(post.unit),
                    name_of(areas[post.area_id]) if post.area_id in areas else _("全市"),
                ),
                post.active,
                "briefcase",
            )
            for post in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "role" and value in Role.values:
            return str(Role(value).label)
        if name == "area" and value:
            return around.area_and_code_said(value)
        if name == "unit" and value:
            return around.unit_said(value)
        return super().said(name, value, around)

    def obstacle(self, thing: Post) -> str:
        is_admin = administrators().filter(pk=thing.pk).exists()
        last = is_admin and not administrators().exclude(pk=thing.pk).exists()
        return str(_LAST_ADMIN) if last else ""

    def count(self) -> int:
        return Post.objects.filter(_OF_COLLEAGUES, active=True).count()

    def obstacle_back(self, thing: Post, states: Mapping[str, State] | None = None) -> str:
        if not thing.user.is_active:
            return _("这个人的账号停用了，请先恢复账号")
        return "" if thing.unit.active else _("这个单位停用了，请先恢复单位")


USERS = Users(
    name="user",
    icon="users",
    title=gettext_lazy("人员"),
    one=pgettext_lazy("one", "账号"),
    why=gettext_lazy(
        "谁能登录。建好以后给他发邀请链接，密码由他自己定。志愿者另有一页，在这里搜得到。"
    ),
    labels={"username": gettext_lazy("登录名"), "display_name": gettext_lazy("同事怎么称呼")},
    form=UserForm,
    heads=(pgettext_lazy("many", "岗位"), gettext_lazy("登录")),
    hints={
        "username": gettext_lazy("英文或拼音，例如 wang.xm；建好以后不能改。"),
        "display_name": gettext_lazy("只有同事看得到；群众看到的是单位。"),
    },
)
POSTS = Posts(
    name="post",
    icon="briefcase",
    title=pgettext_lazy("many", "岗位"),
    one=pgettext_lazy("one", "岗位"),
    why=gettext_lazy(
        "谁在哪个单位、做什么、管哪一片：看得到什么、能做什么都由它定。志愿者另有一页，在这里搜得到。"
    ),
    labels={
        "user": gettext_lazy("谁"),
        "unit": pgettext_lazy("field", "单位"),
        "role": gettext_lazy("岗位"),
        "area": gettext_lazy("管辖区域"),
    },
    form=PostForm,
    heads=(pgettext_lazy("field", "单位"), gettext_lazy("管辖区域")),
    hints={
        "role": gettext_lazy(
            "研判员、派单员、话务员管一片；经办人、负责人、志愿者、网格员办本单位的。"
        ),
        "area": gettext_lazy("空着就是全市。写几个字，或拼音首字母，从提示里选。"),
    },
    around=_AroundPosts,
)
