"""Registry of the channels through which appeals arrive; see `docs/channels.md`."""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel. `by_file`: may `yinghu import` file its messages? `by_api`: may other systems file
    under it? `link`: does the sender get the tracking link?
    """

    label: str
    by_file: bool = True
    by_api: bool = True
    link: bool = False


PATROL: Final = "patrol"
"""What those outdoors see themselves, or file for people whom they meet; `inboxes.reported`."""

CHANNELS: Final = {
    "web": Channel(_("网页求助"), by_file=False, by_api=False, link=True),
    "api": Channel(_("接口"), by_file=False, link=True),
    "hotline": Channel(_("热线电话")),
    "feed": Channel(_("舆情与留言")),
    "volunteers": Channel(_("志愿服务平台")),
    PATROL: Channel(_("巡查"), by_file=False, by_api=False, link=True),
    "file": Channel(_("文件导入"), by_api=False),
    "whistle": Channel(_("基层吹哨"), by_file=False, by_api=False),
}


def channel_label(code: str) -> str:
    """Return the channel's Chinese label (a msgid), or the code itself if it is unknown."""
    channel = CHANNELS.get(code)
    return channel.label if channel else code
