"""What the set-up views share: their decorator, readers of addresses and forms, a row's context."""

from collections.abc import Callable
from typing import Any

from django.core import signing
from django.http import Http404, HttpRequest

from yinghu.administration.registry import TYPES
from yinghu.common.config_types.config_form import State
from yinghu.common.config_types.config_type import ConfigType
from yinghu.ui.decorators import P, View, staff_page

RUNNING_ANSWERS = ("move", "keep")
"""Whether running clocks follow a changed limit or calendar."""


def door(*methods: str) -> Callable[[View[P]], View[P]]:
    """Decorate a set-up view: administrators only."""
    return staff_page("setup", methods=methods)


def get_config_type(name: str) -> ConfigType:
    """Return the configuration type named in the URL; 404 if unknown."""
    if name not in TYPES:
        raise Http404
    return TYPES[name]


def get_row(config_type: ConfigType, key: str) -> Any:
    """Return the row with the key in the URL; 404 if unknown."""
    row = None if "\x00" in key else config_type.find(key)
    if row is None:
        raise Http404
    return row


def row_context(config: ConfigType, row: Any = None) -> dict[str, Any]:
    """Template context that the pages of a row share; `row` is None for a new one."""
    exists = row is not None
    return {
        "kind": config,
        "key": config.key(row) if exists else "",
        "called": config.label(row) if exists else "",
        "active": not exists or config.is_active(row),
        "desk": "setup",
    }


def read_seen_state(request: HttpRequest, config: ConfigType, key: str) -> State:
    """The signed state that the form was rendered from; {} if missing or forged."""
    try:
        found: State = signing.loads(request.POST.get("seen", ""), salt=f"{config.name}:{key}")
    except signing.BadSignature:
        return {}
    return found
