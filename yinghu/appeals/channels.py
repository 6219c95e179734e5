"""The channels that there are: an appeal's `channel` is one of these codes.

One channel is one module and one line here; `docs/channels.md` tells how to add one.
"""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages come from. `by_file`: whether `yinghu import` may bring its messages."""

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


def label(code: str) -> str:
    """The channel's Chinese label, for a page to translate; the code itself of one long gone."""
    channel = CHANNELS.get(code)
    return channel.label if channel else code
