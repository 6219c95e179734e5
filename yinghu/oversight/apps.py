from django.apps import AppConfig


class OversightConfig(AppConfig):
    name = "yinghu.oversight"
    label = "oversight"

    def ready(self) -> None:
        """Declare the rows of its verbs: the guard of `move` knows those of the platform itself."""
        from yinghu.oversight import actions  # noqa: F401
