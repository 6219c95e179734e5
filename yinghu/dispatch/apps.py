from django.apps import AppConfig


class DispatchConfig(AppConfig):
    name = "yinghu.dispatch"
    label = "dispatch"

    def ready(self) -> None:
        """Declare the rows of its verbs: the guard of `move` knows those of the platform itself."""
        from yinghu.dispatch import actions  # noqa: F401
