"""Accessibility, layout and transfer checks of a page in a real browser.

no_violations(page)   axe-core finds no violations (WCAG 2.1 A and AA, and best practices)
no_visual_violations(page)  the same, of the rules about colour, size and language only
taps(page)            touch targets are at least 44 by 44 pixels, except links within text
fits(page)            no horizontal overflow
watch_shifts(page)    call before page.goto; then shifts(page) checks the cumulative layout shift
sent(page)            counts the bytes transferred from now on: sent(...).bytes
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

_AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
_VISUAL_RULES = [
    "color-contrast",
    "link-in-text-block",
    "scrollable-region-focusable",
    "html-has-lang",
    "html-lang-valid",
    "valid-lang",
    "document-title",
]
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@lru_cache(maxsize=1)
def _axe() -> str:
    return _AXE.read_text("utf-8")


def no_violations(page: Page, without: tuple[str, ...] = ()) -> None:
    """Axe finds no violations; each rule disabled by `without` needs a reason at the call."""
    rules = {name: {"enabled": False} for name in without}
    _run_axe(page, {"runOnly": {"type": "tag", "values": _TAGS}, "rules": rules})


def no_visual_violations(page: Page) -> None:
    """Axe finds no violations of the rules that theme, screen and language can change."""
    # Preloading would fetch each style sheet again, for a rule that is not among these.
    _run_axe(page, {"runOnly": {"type": "rule", "values": _VISUAL_RULES}, "preload": False})


def _run_axe(page: Page, options: dict[str, Any]) -> None:
    # Wait for CSS transitions: only the final colours matter for contrast.
    page.evaluate(
        "() => Promise.all(document.getAnimations().filter(each => each instanceof CSSTransition)"
        ".map(each => each.finished.catch(() => null)))"
    )
    # Evaluated, because our content security policy would block a script element.
    page.evaluate(_axe() + "; undefined")
    found = page.evaluate(
        """(options) => axe.run(document, options).then(
             said => said.violations.flatMap(rule => rule.nodes.map(
               node => `${rule.id}: ${node.target.join(" ")} ${node.failureSummary}`)))""",
        {"resultTypes": ["violations"], **options},
    )
    assert not found, "\n".join((page.url, *found))


def taps(page: Page) -> None:
    """Every touch target is at least 44 by 44 CSS pixels, except links within text."""
    small = page.evaluate(
        """() => {
          const found = [];
          const inText = (part) => {
            const block = part.parentElement.closest("p, li, dd, td, small, label, div, span");
            return part.tagName === "A" && getComputedStyle(part).display === "inline"
              && block && block.innerText.trim() !== part.innerText.trim();
          };
          for (const part of document.querySelectorAll(
            "a[href], button, summary, select, textarea, input:not([type=hidden])")) {
            if (!part.checkVisibility({ visibilityProperty: true })) continue;
            if (part.closest(".visually-hidden, .skip, [hidden]") || inText(part)) continue;
            // A box to tick is pressed by its label.
            const target = /^(checkbox|radio)$/.test(part.type) && part.closest("label") || part;
            const { width, height } = target.getBoundingClientRect();
            if (width < 43.5 || height < 43.5) {
              found.push(`${part.tagName} ${part.className} ${part.innerText || part.name || ""}: `
                + `${width.toFixed(1)} x ${height.toFixed(1)}`);
            }
          }
          return found;
        }"""
    )
    assert not small, "\n".join((page.url, *small))


def fits(page: Page) -> None:
    """The page has no horizontal overflow."""
    out = page.evaluate(
        """() => {
          const root = document.documentElement, width = root.clientWidth;
          if (root.scrollWidth === width) return [];
          const out = [...document.querySelectorAll("body *")].filter((part) => {
            const { left, right, width: wide } = part.getBoundingClientRect();
            return wide && (left < -1 || right > width + 1);
          });
          const named = (part) => part.outerHTML.replace(/\\s+/g, " ").slice(0, 90);
          return [`${root.scrollWidth} of ${width}`].concat(out.slice(-9).map(named));
        }"""
    )
    assert not out, "\n".join((page.url, *out))


def watch_shifts(page: Page) -> None:
    """Record the layout shifts of every page opened from now on."""
    page.add_init_script(
        """window.shifted = 0;
           new PerformanceObserver((list) => {
             for (const one of list.getEntries()) if (!one.hadRecentInput) shifted += one.value;
           }).observe({ type: "layout-shift", buffered: true });"""
    )


def shifts(page: Page, most: float = 0.1) -> None:
    """The cumulative layout shift is less than `most`."""
    moved = page.evaluate(
        "new Promise(r => requestAnimationFrame(() => setTimeout(r, 0, shifted)))"
    )
    assert moved < most, page.url


@dataclass
class Sent:
    """What a page fetched: bytes transferred (headers and compressed bodies) by URL."""

    by_url: dict[str, float] = field(default_factory=dict)

    @property
    def bytes(self) -> float:
        return sum(self.by_url.values())

    @property
    def hosts(self) -> set[str]:
        """Hosts that received a request."""
        return {
            urlsplit(url).netloc for url in self.by_url if not url.startswith(("data:", "blob:"))
        }


def sent(page: Page) -> Sent:
    """Count the bytes transferred from now on, without a cache, as on a first visit."""
    counted = Sent()
    names: dict[str, str] = {}
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def asked(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["request"]["url"]
        counted.by_url.setdefault(event["request"]["url"], 0)

    def came(event: dict[str, Any]) -> None:
        counted.by_url[names[event["requestId"]]] += event["encodedDataLength"]

    devtools.on("Network.requestWillBeSent", asked)
    devtools.on("Network.loadingFinished", came)
    return counted
