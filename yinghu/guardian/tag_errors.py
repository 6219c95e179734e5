"""Refusals of steps with batches and tags."""


class TagRefused(Exception):
    """The step was refused and nothing changed. `code` is stable, `message` is for people.

    `field` names the invalid field, if any; `status` is the matching HTTP status.
    """

    status = 422

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


class TagNotFound(TagRefused):
    """There is no such batch, tag or person, or none that the actor may know of."""

    status = 404


class TagForbidden(TagRefused):
    """The actor knows of it but may not do this."""

    status = 403


class TagConflict(TagRefused):
    """The step no longer fits the state."""

    status = 409
