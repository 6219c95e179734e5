"""Configuration of logins and their posts."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.common.config_types.config_form import ConfigForm, FormContext, State
from yinghu.common.config_types.config_type import Field, with_code
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField, PickerSelect
from yinghu.common.language import name_of
from yinghu.people import invitations
from yinghu.people.access import administrators
from yinghu.people.models import Post, Role, Unit, User
from yinghu.people.sessions import end_sessions
from yinghu.places.area_fields import COVERED_AREA, area_field, area_name

_LAST_ADMIN = gettext_lazy("这是最后一位管理员：停用以后，就没有人能进设置了。请先另设一位管理员。")


class UserForm(ConfigForm):
    fixed = ("username",)

    username = forms.CharField(max_length=40)
    display_name = LineField(max_length=60)

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,39}", name):
            raise ValidationError(_("登录名用小写英文字母、数字、点、短横，至少两个字"))
        return self.new_key(name)


class UserType(ModelType):
    model = User
    order = ("username",)
    active_attribute = "is_active"
    name = "user"
    icon = "users"
    title = gettext_lazy("人员")
    one = pgettext_lazy("one", "账号")
    why = gettext_lazy(
        "谁能登录。建好以后给他发邀请链接，密码由他自己定。志愿者另有一页，在这里搜得到。"
    )
    form = UserForm
    fields = (
        Field(
            "username",
            gettext_lazy("登录名"),
            gettext_lazy("英文或拼音，例如 wang.xm；建好以后不能改。"),
        ),
        Field(
            "display_name",
            gettext_lazy("同事怎么称呼"),
            gettext_lazy("只有同事看得到；群众看到的是单位。"),
        ),
    )
    heads = (pgettext_lazy("many", "岗位"), gettext_lazy("登录"))
    row_icon = "user"

    def rows(self) -> QuerySet[User]:
        return super().rows().prefetch_related("posts__unit")

    def default_rows(self) -> QuerySet[User]:
        return _colleagues(self.rows())

    def new(self, values: State) -> User:
        user: User = super().new(values)
        user.set_unusable_password()
        return user

    def write(self, row: User, values: State) -> None:
        super().write(row, values)
        if values.get("active") is False:
            invitations.revoke_links(row)
            # Otherwise old sessions would be valid again once the login is reactivated.
            end_sessions(row)

    def label(self, row: User) -> str:
        return str(row)

    def search_words(self, row: User) -> tuple[str, ...]:
        units = [post.unit.name for post in row.posts.all()]
        roles = [str(Role(post.role).label) for post in row.posts.all()]
        return (row.username, row.display_name, *units, *roles)

    def list_cells(self, rows: Sequence[User]) -> list[Sequence[str]]:
        waiting = invitations.users_with_open_link(rows)
        return [(_show_posts(user), _login_note(user, invited=user.pk in waiting)) for user in rows]

    def retire_obstacle(self, row: User) -> str:
        others, own = administrators().exclude(user=row), administrators().filter(user=row)
        return str(_LAST_ADMIN) if own.exists() and not others.exists() else ""

    def count(self) -> int:
        return _colleagues(User.objects.filter(is_active=True)).count()

    def warnings(self) -> list[str]:
        # Volunteers get their posts on approval and lose them on leaving.
        staff = User.objects.filter(is_active=True, volunteer=None)
        idle = staff.exclude(posts__active=True).count()
        said = ngettext(
            "%d 个人还没有岗位，登录后什么也看不到。",
            "%d 个人还没有岗位，登录后什么也看不到。",
            idle,
        )
        return [said % idle] if idle else []


def _colleagues(users: QuerySet[User]) -> QuerySet[User]:
    """Exclude logins that only volunteer: there can be thousands, listed on their own page."""
    posts = Post.objects.filter(active=True).exclude(role=Role.VOLUNTEER)
    return users.filter(Q(volunteer=None) | Q(pk__in=posts.values("user")))


def _show_posts(user: User) -> str:
    posts = [post for post in user.posts.all() if post.active]
    said = [f"{name_of(post.unit)} · {Role(post.role).label}" for post in posts]
    return _("；").join(said) or _("没有岗位")


def _login_note(user: User, *, invited: bool) -> str:
    if user.has_usable_password():
        return _("有密码")
    return _("已邀请，还没来") if invited else _("还没有密码")


USERS = UserType()


class PostContext(FormContext):
    """Adds the people who can be given a post."""

    @cached_property
    def colleagues(self) -> dict[str, User]:
        return {user.username: user for user in _colleagues(User.objects.all())}

    def people(self, chosen: str) -> dict[str, User]:
        """Return the people to choose from, and the chosen one even if a volunteer."""
        if chosen in self.colleagues:
            return self.colleagues
        found = User.objects.filter(username=chosen)
        return self.colleagues | {user.username: user for user in found}


class PostForm(ConfigForm):
    fixed = ("user", "unit", "role", "area")

    user = forms.ChoiceField(widget=PickerSelect)
    unit = forms.ChoiceField(widget=PickerSelect)
    role = forms.ChoiceField(choices=Role.choices)
    area = area_field()

    context: PostContext

    def prepare(self) -> None:
        if self.key:
            return
        chosen = str(self.data.get("user") or self.initial.get("user") or "").replace("\x00", "")
        people = [
            (name, with_code(str(user), name))
            for name, user in self.context.people(chosen).items()
            if user.is_active
        ]
        units, choose = self.context.choices(Unit), _("请选择")
        roles = _("岗位应是这几个之一：%s") % _("、").join(Role.values)
        self.choose("user", people, _("没有登录名为 %(value)s 的在用账号"), choose)
        self.choose("unit", units, _("没有代码为 %(value)s 的在用单位"), choose)
        self.choose("role", Role.choices, roles, choose)

    def clean(self) -> State:
        given: State = super().clean() or {}
        if self.key or self.errors:
            return given
        if given["role"] == Role.ADMIN and given["area"]:
            self.add_error("area", _("设置对全市都有效，管理员不能只管一片：请把这里空着"))
        elif POSTS.key_for(given) in self.context.states:
            raise ValidationError(_("这个人已经有这个岗位了"))
        return given


_STAFF_POSTS = ~Q(role=Role.VOLUNTEER) | Q(user__volunteer=None)
"""Posts other than those of volunteers."""


class PostType(ModelType):
    model = Post
    order = ("unit__name", "user__username")
    name = "post"
    icon = "briefcase"
    title = pgettext_lazy("many", "岗位")
    one = pgettext_lazy("one", "岗位")
    why = gettext_lazy(
        "谁在哪个单位、做什么、管哪一片：看得到什么、能做什么都由它定。志愿者另有一页，在这里搜得到。"
    )
    form = PostForm
    context = PostContext
    needed = ("user", "unit", "role")
    fields = (
        Field("user", gettext_lazy("谁")),
        Field("unit", pgettext_lazy("field", "单位"), target=Unit),
        Field(
            "role",
            gettext_lazy("岗位"),
            gettext_lazy(
                "研判员、派单员、话务员管一片；经办人、负责人、志愿者、网格员办本单位的。"
            ),
            choices=Role,
        ),
        COVERED_AREA,
    )
    heads = (pgettext_lazy("field", "单位"), gettext_lazy("管辖区域"))
    row_icon = "briefcase"

    def default_rows(self) -> QuerySet[Post]:
        return self.rows().filter(_STAFF_POSTS)

    def existing(self, keys: Collection[str]) -> set[str]:
        of = {key.split(":")[0] for key in keys}
        return {self.key(post) for post in self.rows().filter(user__username__in=of)} & set(keys)

    def label(self, row: Post) -> str:
        return f"{row.user} · {name_of(row.unit)} · {Role(row.role).label}"

    def heading(self, row: Post) -> str:
        return f"{row.user} · {Role(row.role).label}"

    def note(self, row: Post) -> str:
        return row.user.username

    def search_words(self, row: Post) -> tuple[str, ...]:
        said = (str(row.user), row.user.username, row.unit.name, row.unit.name_en)
        return (*said, row.unit.code, str(Role(row.role).label))

    def list_cells(self, rows: Sequence[Post]) -> list[Sequence[str]]:
        return [
            (name_of(post.unit), area_name(post.area_id) if post.area_id else _("全市"))
            for post in rows
        ]

    def retire_obstacle(self, row: Post) -> str:
        others, own = administrators().exclude(pk=row.pk), administrators().filter(pk=row.pk)
        return str(_LAST_ADMIN) if own.exists() and not others.exists() else ""

    def count(self) -> int:
        return Post.objects.filter(_STAFF_POSTS, active=True).count()

    def restore_obstacle(self, row: Post, states: Mapping[str, State] | None = None) -> str:
        if not row.user.is_active:
            return _("这个人的账号停用了，请先恢复账号")
        return "" if row.unit.active else _("这个单位停用了，请先恢复单位")


POSTS = PostType()
