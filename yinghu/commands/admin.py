"""`yinghu admin NAME`: creates an administrator and prints an invitation link."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse

if TYPE_CHECKING:
    from yinghu.common.config_types.config_type import ConfigType
    from yinghu.people.models import User

HELP = "make NAME an administrator and print a link to choose a password with"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="user name to log in with; a new one or one that is there")
    parser.add_argument("--display-name", default="", help="what colleagues see")


def run(args: argparse.Namespace) -> int:
    """Print the one-time link. An existing password stays valid until the link is used."""
    from django.core.management import call_command

    from yinghu.people import invitations
    from yinghu.site.health import unapplied_migrations

    environment = settings.ENV
    if unapplied_migrations():
        if not environment.embedded:
            print("yinghu: run `yinghu manage migrate` first", file=sys.stderr)
            return 1
        call_command("migrate", interactive=False, verbosity=0)
    try:
        user = _administrator(args.name, args.display_name)
    except ValidationError as wrong:
        print(f"yinghu: {' '.join(wrong.messages)}", file=sys.stderr)
        return 1
    print(f"{settings.SITE_URL}{reverse('invited', args=[invitations.make_link(user, None)])}")
    days = invitations.VALID_FOR.days
    said = f"Open it within {days} days to choose a password for {user.username}. It works once."
    print(said, file=sys.stderr)
    if environment.demo:
        said = "yinghu: demo mode is on; set YINGHU_DEMO=off for a city of your own"
        print(said, file=sys.stderr)
    return 0


def _administrator(name: str, display_name: str) -> "User":
    """Find or create the login with an administrator's post at the platform's desk, with history.

    Raises ValidationError for an invalid name.
    """
    from yinghu.administration import services
    from yinghu.people.config_types.units import UNITS
    from yinghu.people.config_types.users import POSTS, USERS
    from yinghu.people.models import Unit, UnitKind

    def made(config_type: "ConfigType", values: dict[str, str]) -> Any:
        form = config_type.bind(data=values)
        if not form.is_valid():
            raise ValidationError([text for texts in form.errors.values() for text in texts])
        return services.create(config_type, None, form.cleaned_data)

    with services.exclusive():
        desk = Unit.objects.filter(kind=UnitKind.DESK, active=True).order_by("pk").first()
        if desk is None:
            called = {"code": "platform", "name": "应呼平台", "name_en": "Yinghu desk"}
            desk = made(UNITS, called | {"kind": UnitKind.DESK.value})
        user: User = USERS.find(name) or made(
            USERS, {"username": name, "display_name": display_name or name}
        )
        if not user.is_active:
            services.update(USERS, None, user, {"active": True})
        values = {"user": name, "unit": desk.code, "role": "admin", "area": ""}
        post = POSTS.find(":".join(values.values()))
        if post is None:
            made(POSTS, values)
        else:
            services.update(POSTS, None, post, {"active": True})
    return user
