"""The commands of `yinghu`: one module is one command, found by being in this folder.

A module has
    NAME: str                                   what people type (default: the module's name)
    HELP: str                                   one line
    NEEDS: Needs = Needs.DATABASE               what must stand before `run` is called
    configure(parser: ArgumentParser) -> None   adds the arguments
    run(args: Namespace) -> int                 the exit code

Every module is imported for `yinghu --help`, so its top imports nothing heavy and nothing of
Django; `run` does that.
"""

from __future__ import annotations

import enum


class Needs(enum.Enum):
    """What must stand before a command runs."""

    NOTHING = "nothing"
    DJANGO = "Django's settings and models"
    DATABASE = "Django, and the database up (the embedded one is started for as long as needed)"
