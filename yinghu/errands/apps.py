"""Django app of errands."""

from django.apps import AppConfig


class ErrandsConfig(AppConfig):
    name = "yinghu.errands"

    def ready(self) -> None:
        """Register the verbs of this package, so that `move` accepts them."""
        from yinghu.errands import actions  # noqa: F401  # for its effect
