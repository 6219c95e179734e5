"""Addresses of plain ASGI applications beside Django, for very many requests at once."""

DOORS: dict[tuple[str, str], str] = {
    ("POST", "/api/v1/appeals"): "yinghu.api.intake",
    ("GET", "/live"): "yinghu.web.live.stream",
}
"""(method, path) -> module with an `application` and a `lifespan()`, an asynchronous context
manager that is entered for as long as the web process serves."""
