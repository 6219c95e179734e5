"""The app of routing rules and errands."""

from django.apps import AppConfig


class DispatchConfig(AppConfig):
    name = "yinghu.dispatch"

    def ready(self) -> None:
        """Register the verbs of this package, so that `move` accepts them."""
        from yinghu.dispatch import actions  # noqa: F401
