"""Progressive web app of the field pages: manifest, icons, service worker."""

import hashlib
import json
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

SHELL = (
    "vendor/tabler.css",
    "vendor/icons.svg",
    "vendor/leaflet/leaflet.css",
    "vendor/leaflet/leaflet.js",
    "django_htmx/htmx-2.min.js",
    "ui/app.css",
    "ui/small.css",
    "ui/app.js",
    "ui/alarm.js",
    "ui/alarms.css",
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
"""Static files of the pages under /field; cached on the phone at installation."""

ICONS = {"180": (180, True), "192": (192, False), "512": (512, False), "512-full": (512, True)}
"""File name in `field/icons/` -> (pixels, whether the background fills the square, for systems that
mask icons). CONTRIBUTING.md has the command that renders them from `ui/mark.svg`.
"""


@require_safe
def show_manifest(request: HttpRequest) -> HttpResponse:
    """Serve the web app manifest, with the city's name."""
    name = city_texts.text("name")
    icons = [{"src": static("ui/mark.svg"), "sizes": "any", "type": "image/svg+xml"}]
    icons += [
        {
            "src": reverse("app_icon", args=[key]),
            "sizes": f"{side}x{side}",
            "type": "image/png",
            "purpose": "maskable" if full else "any",
        }
        for key, (side, full) in ICONS.items()
        if side > 180
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
            "theme_color": "#0b6e69",
            "background_color": "#ffffff",
            "icons": icons,
        },
        json_dumps_params={"ensure_ascii": False},
        content_type="application/manifest+json",
    )
    answer.headers["Cache-Control"] = "public, max-age=300"
    patch_vary_headers(answer, ["Accept-Language", "Cookie"])
    return answer


@require_safe
def serve_app_icon(request: HttpRequest, name: str) -> HttpResponse:
    """Serve the icon as PNG, for systems without SVG icons."""
    if name not in ICONS:
        raise Http404
    icon = Path(str(finders.find(f"field/icons/{name}.png"))).read_bytes()
    answer = HttpResponse(icon, content_type="image/png")
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


@require_safe
def serve_service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the service worker: the settings of this version and the import of its scripts.

    File names contain hashes, so this text changes with each version and browsers update.
    """
    shell = [static(name) for name in SHELL]
    knows = {
        "version": hashlib.sha256("\n".join(shell).encode()).hexdigest()[:12],
        "shell": shell,
        "offline": reverse("offline"),
        "unsent": reverse("offline") + "?unsent",
        "pages": reverse("field"),
        # Path prefixes of forms that begin or end a login.
        "logins": ["/accounts/", "/demo-login", "/invite/", "/join/", "/volunteer"],
        # Pages kept; the least recently viewed is dropped first.
        "most": 30,
        # Pages are dropped after two days: some contain names and phone numbers.
        "hours": 48,
        # In debug mode, file names have no hashes: always revalidate.
        "fresh": settings.DEBUG,
    }
    scripts = ", ".join(json.dumps(static(name)) for name in ("field/queue.js", "field/worker.js"))
    code = f"self.yinghuPhone = {json.dumps(knows)};\nimportScripts({scripts});\n"
    answer = HttpResponse(code, content_type="text/javascript; charset=utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@never_cache
@require_safe
def show_offline_page(request: HttpRequest) -> HttpResponse:
    """Show the page, without personal data, for a page not cached or a form not sent."""
    return render(request, "field/offline.html", {"unsent": "unsent" in request.GET})
