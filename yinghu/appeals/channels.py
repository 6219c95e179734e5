"""Registry of the channels through which appeals arrive; see `docs/channels.md`."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from django.utils.translation import gettext_noop as _


class Door(Enum):
    """A way in from outside, where a sender may name a channel. `INSIDE` is none: our own."""

    FORM = "the citizens' form"
    API = "the API"
    FILE = "imported files"
    INSIDE = "our own pages"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel. `doors` may file under it. `link`: does the sender get the tracking link?"""

    label: str
    doors: frozenset[Door]
    link: bool = False


_OTHERS: Final = frozenset({Door.API, Door.FILE})

CHANNELS: Final = {
    "web": Channel(_("网页求助"), frozenset({Door.FORM}), link=True),
    "api": Channel(_("接口"), frozenset({Door.API}), link=True),
    "hotline": Channel(_("热线电话"), _OTHERS),
    "feed": Channel(_("舆情与留言"), _OTHERS),
    "volunteers": Channel(_("志愿服务平台"), _OTHERS),
    "file": Channel(_("文件导入"), frozenset({Door.FILE})),
    "whistle": Channel(_("基层吹哨"), frozenset({Door.INSIDE})),
}


def channels_of(door: Door) -> list[str]:
    """Return the codes of the channels that may be named at a door."""
    return [code for code, channel in CHANNELS.items() if door in channel.doors]


def channel_label(code: str) -> str:
    """Return the channel's Chinese label (a msgid), or the code itself if it is unknown."""
    channel = CHANNELS.get(code)
    return channel.label if channel else code
