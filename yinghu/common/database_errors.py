"""What a database error means for the request that met it."""

from django.db import DatabaseError, InterfaceError, OperationalError

_READ_ONLY = "25006"
"""As of a standby that has not been promoted yet."""
_OF_OTHERS = frozenset({"55P03", "57014", "40P01", "40001"})
"""A lock not got in time, a statement that took too long, a deadlock, a conflict: others were in
the way, and the database takes other rows."""


def is_unavailable(error: BaseException | None) -> bool:
    """May a second try succeed? There is no connection, room or lock, or nothing may be written."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, DatabaseError) and _state_of(error) == _READ_ONLY


def refuses_all(error: BaseException | None) -> bool:
    """Does the database refuse whatever is written now?"""
    return is_unavailable(error) and _state_of(error) not in _OF_OTHERS


def _state_of(error: BaseException | None) -> str:
    cause = error.__cause__ if error is not None else None
    return str(getattr(cause, "sqlstate", None) or "")
