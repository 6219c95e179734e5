"""Registry of the channels through which appeals arrive; see `docs/channels.md`."""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel. `by_file`: may `yinghu import` file its messages?"""

    code: str
    label: str
    by_file: bool = True


CHANNELS: Final[dict[str, Channel]] = {
    channel.code: channel
    for channel in (
        Channel("web", _("网页求助"), by_file=False),
        Channel("api", _("接口"), by_file=False),
        Channel("hotline", _("热线电话")),
        Channel("feed", _("舆情与留言")),
        Channel("volunteers", _("志愿服务平台")),
        Channel("file", _("文件导入")),
        Channel("whistle", _("基层吹哨"), by_file=False),
    )
}


def channel_label(code: str) -> str:
    """Return the channel's Chinese label (a msgid), or the code itself if it is unknown."""
    channel = CHANNELS.get(code)
    return channel.label if channel else code
