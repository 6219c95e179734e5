"""Commands of `yinghu`: each module in this folder is one command.

A module has
    NAME: str                                   name to type (default: the module's name)
    HELP: str                                   one line
    NEEDS: Needs = Needs.DATABASE               what to set up before `run` is called
    configure(parser: ArgumentParser) -> None   adds the arguments, if there are any
    run(args: Namespace) -> int                 the exit code

`yinghu --help` imports every module, so heavy imports and models belong inside `run`.
"""

import enum


class Needs(enum.Enum):
    """What a command needs set up before it runs."""

    NOTHING = "nothing"
    DATABASE = "Django, and the database up (the embedded one is started for as long as needed)"
