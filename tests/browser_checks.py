"""What every page owes to whoever looks at it, asked of a page in a real browser.

no_violations(page)   axe-core finds nothing (WCAG 2.1 A and AA, and its best practices)
taps(page)            on a phone, all that is pressed is 44 by 44, or stands within text
fits(page)            nothing sticks out sideways
watch_shifts(page)    before page.goto; then shifts(page): what moved by itself, summed, is small
sent(page)            from now on, counts what came over the wire: sent(...).bytes
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

_AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@lru_cache(maxsize=1)
def _axe() -> str:
    return _AXE.read_text("utf-8")


def no_violations(page: Page, without: tuple[str, ...] = ()) -> None:
    """Axe finds nothing wrong, but for the rules `without`, each of which needs its reason."""
    # A colour on its way to another is none that anybody reads.
    page.evaluate(
        "() => Promise.all(document.getAnimations().filter(each => each instanceof CSSTransition)"
        ".map(each => each.finished.catch(() => null)))"
    )
    # Evaluated, not as a script of the page: our content security policy would refuse that.
    page.evaluate(_axe() + "; undefined")
    found = page.evaluate(
        """([tags, without]) => axe.run(document, {
             runOnly: { type: "tag", values: tags },
             rules: Object.fromEntries(without.map(name => [name, { enabled: false }])),
             resultTypes: ["violations"],
           }).then(said => said.violations.flatMap(rule => rule.nodes.map(
             node => `${rule.id}: ${node.target.join(" ")} ${node.failureSummary}`)))""",
        [_TAGS, list(without)],
    )
    assert not found, "\n".join((page.url, *found))


def taps(page: Page) -> None:
    """Whatever can be pressed is at least 44 by 44 CSS pixels, unless it stands within a text."""
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
    """Nothing sticks out of the screen sideways."""
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
    """Have every page that is opened from now on add up what moves in it by itself."""
    page.add_init_script(
        """window.shifted = 0;
           new PerformanceObserver((list) => {
             for (const one of list.getEntries()) if (!one.hadRecentInput) shifted += one.value;
           }).observe({ type: "layout-shift", buffered: true });"""
    )


def shifts(page: Page, most: float = 0.1) -> None:
    """The layout moved by less than `most` (cumulative layout shift)."""
    moved = page.evaluate(
        "new Promise(r => requestAnimationFrame(() => setTimeout(r, 0, shifted)))"
    )
    assert moved < most, page.url


@dataclass
class Sent:
    """What a page fetched: bytes over the wire, headers and packed bodies, by address."""

    by_url: dict[str, float] = field(default_factory=dict)

    @property
    def bytes(self) -> float:
        return sum(self.by_url.values())

    @property
    def hosts(self) -> set[str]:
        """Everybody who was asked for something."""
        return {
            urlsplit(url).netloc for url in self.by_url if not url.startswith(("data:", "blob:"))
        }


def sent(page: Page) -> Sent:
    """Count what comes over the wire from now on, with an empty cache, as at a first visit."""
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
