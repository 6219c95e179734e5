"""Django app of supervision, whistles and shared cases."""

from django.apps import AppConfig


class OversightConfig(AppConfig):
    name = "yinghu.oversight"

    def ready(self) -> None:
        """Register the verbs of this package, so that `move` accepts them."""
        from yinghu.oversight import actions  # noqa: F401  # for its effect
