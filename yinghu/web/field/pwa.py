"""What makes the pages of whoever goes out an app: manifest, icons, service worker."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language, get_language_bidi
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from yinghu.appeals import city_texts

COLOUR, GROUND = "#0b6e69", "#ffffff"

SHELL = (
    "vendor/tabler.css",
    "vendor/icons.svg",
    "vendor/leaflet/leaflet.css",
    "vendor/leaflet/leaflet.js",
    "django_htmx/htmx-2.min.js",
    "ui/app.css",
    "ui/app.js",
    "field/field.css",
    "field/field.js",
    "live/follow.js",
    "live/live.js",
    "ui/map.js",
    "ui/mark.svg",
    "field/offline.js",
    "field/phone.css",
    "field/phone.js",
    "ui/picker.js",
    "field/queue.js",
    "ui/send.js",
    "field/shopping.css",
    "field/shopping.js",
    "ui/staff.css",
    "ui/theme.js",
    "ui/times.js",
    "volunteers/volunteers.css",
    "volunteers/volunteers.js",
)
"""Static files that the pages under /field are drawn with; kept on the phone from the start."""

LOGINS = ("/accounts/", "/demo-login", "/invite/", "/join/", "/volunteer")
"""How the paths begin to which forms are sent that end or begin a login."""

MOST_PAGES = 30
"""Pages kept on a phone; the one that was looked at longest ago goes first."""

KEPT_HOURS = 48
"""After which a page that was kept is not shown any more: names and phones stand in some."""

ICONS: dict[str, tuple[int, bool]] = {
    "180": (180, True),
    "192": (192, False),
    "512": (512, False),
    "512-full": (512, True),
}
"""Name of the file in `field/icons/` -> (pixels, whether its ground fills the square, for systems
that cut). CONTRIBUTING.md has the command that renders them from `ui/mark.svg`.
"""


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """What a phone has to know to install it, under the city's own name."""
    name = city_texts.text("name")
    icons = [
        {"src": static("ui/mark.svg"), "sizes": "any", "type": "image/svg+xml"},
        *(
            {
                "src": reverse("app_icon", args=[key]),
                "sizes": f"{side}x{side}",
                "type": "image/png",
                "purpose": "maskable" if full else "any",
            }
            for key, (side, full) in ICONS.items()
            if side > 180
        ),
    ]
    answer = JsonResponse(
        {
            "id": reverse("field"),
            "name": name,
            "short_name": name[:12],
            "description": city_texts.text("motto"),
            "lang": get_language(),
            "dir": "rtl" if get_language_bidi() else "ltr",
            "start_url": reverse("field"),
            "scope": "/",
            "display": "standalone",
            "orientation": "portrait",
            "theme_color": COLOUR,
            "background_color": GROUND,
            "icons": icons,
        },
        json_dumps_params={"ensure_ascii": False},
        content_type="application/manifest+json",
    )
    answer.headers["Cache-Control"] = "public, max-age=300"
    patch_vary_headers(answer, ["Accept-Language", "Cookie"])
    return answer


@require_safe
def app_icon(request: HttpRequest, name: str) -> HttpResponse:
    """Our mark as a PNG, for systems that take no SVG."""
    if name not in ICONS:
        raise Http404
    icon = Path(str(finders.find(f"field/icons/{name}.png"))).read_bytes()
    answer = HttpResponse(icon, content_type="image/png")
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: what it needs to know of this version, and the file that does the work.

    A new version has other names of files, so a browser that asks again finds other text here.
    """
    shell = _shell()
    knows = {
        "version": hashlib.sha256("\n".join(shell).encode()).hexdigest()[:12],
        "shell": shell,
        "offline": reverse("offline"),
        "unsent": reverse("offline") + "?unsent",
        "pages": reverse("field"),
        "logins": LOGINS,
        "most": MOST_PAGES,
        "hours": KEPT_HOURS,
        # Without a hash in their names only the server knows whether they are still the same.
        "fresh": settings.DEBUG,
    }
    scripts = ", ".join(json.dumps(static(name)) for name in ("field/queue.js", "field/worker.js"))
    code = f"self.yinghuPhone = {json.dumps(knows)};\nimportScripts({scripts});\n"
    answer = HttpResponse(code, content_type="text/javascript; charset=utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@lru_cache(maxsize=1)
def _shell() -> list[str]:
    return [static(name) for name in SHELL]


@never_cache
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What is shown in place of a page that is not kept, or of the answer to a press that was not
    sent; nothing of anybody stands in it.
    """
    return render(request, "field/offline.html", {"unsent": "unsent" in request.GET})
