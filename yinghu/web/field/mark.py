"""Our mark in pixels, drawn from `static/web/mark.svg`; of SVG it reads what stands in there."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PIL import Image, ImageDraw

FILE = Path(__file__).parents[2] / "ui" / "static" / "ui" / "mark.svg"
_SVG = "{http://www.w3.org/2000/svg}"
_TOKEN = re.compile(r"[A-Za-z]|-?[0-9]*\.?[0-9]+")
_FINER = 4
"""Drawn so many times larger and made small, for edges without steps."""
_PARTS = 60
"""Straight lines in place of one curve."""

Point = complex


@lru_cache(maxsize=8)
def png(side: int, *, full: bool = False) -> bytes:
    """The mark as a square PNG; with `full` its ground goes to the corners."""
    root = ElementTree.parse(FILE).getroot()  # noqa: S314  # our own file
    scale = side * _FINER / float(root.attrib["viewBox"].split()[2])
    picture = Image.new("RGBA", (side * _FINER, side * _FINER), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    for shape in root:
        if shape.tag == f"{_SVG}rect":
            corner = 0.0 if full else float(shape.attrib["rx"]) * scale
            box = (0, 0, side * _FINER - 1, side * _FINER - 1)
            pen.rounded_rectangle(box, corner, fill=shape.attrib["fill"])
        elif shape.tag == f"{_SVG}path":
            _stroke(pen, shape.attrib, scale)
        else:
            raise ValueError(f"{FILE}: {shape.tag} cannot be drawn")
    out = io.BytesIO()
    picture.resize((side, side), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _stroke(pen: ImageDraw.ImageDraw, given: dict[str, Any], scale: float) -> None:
    width = float(given["stroke-width"]) * scale
    dots = [(point.real * scale, point.imag * scale) for point in points(given["d"])]
    pen.line(dots, fill=given["stroke"], width=round(width))
    for x, y in dots:
        box = (x - width / 2, y - width / 2, x + width / 2, y + width / 2)
        pen.ellipse(box, fill=given["stroke"])


def points(path: str) -> list[Point]:
    """The path as points to draw lines between. ValueError for what it does not know."""
    tokens = _TOKEN.findall(path)
    found: list[Point] = []
    at = handle = Point(0)
    verb = ""
    take = iter(tokens)

    def number() -> float:
        return float(next(take))

    def point(base: Point) -> Point:
        return base + Point(number(), number())

    while tokens:
        token = next(take, None)
        if token is None:
            break
        if token.isalpha():
            verb = token
        else:
            # One more of the same.
            take = iter([token, *take])
        base = at if verb.islower() else Point(0)
        match verb.lower():
            case "z":
                found.append(found[0])
                continue
            case "m" | "l":
                handle = end = point(base)
                drawn: Iterator[Point] = iter([end])
                verb = {"m": "l", "M": "L"}.get(verb, verb)
            case "c" | "s":
                first = point(base) if verb in "cC" else 2 * at - handle
                handle, end = point(base), point(base)
                drawn = _bezier(at, first, handle, end)
            case "a":
                radius, _same, _turn, large, sweep = (number() for _i in range(5))
                handle = end = point(base)
                drawn = _arc(at, radius, bool(large), bool(sweep), end)
            case _:
                raise ValueError(f"a path with {verb}")
        found += drawn
        at = end
    return found


def _bezier(a: Point, b: Point, c: Point, d: Point) -> Iterator[Point]:
    for i in range(1, _PARTS + 1):
        t = i / _PARTS
        u = 1 - t
        yield u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d


def _arc(start: Point, radius: float, large: bool, sweep: bool, end: Point) -> Iterator[Point]:
    """A part of a circle, by the appendix F.6 of SVG 1.1."""
    half = (end - start) / 2
    off = math.sqrt(max(radius**2 - abs(half) ** 2, 0))
    side = 1 if large != sweep else -1
    centre = (start + end) / 2 + side * off * half / abs(half) * 1j
    begin = math.atan2((start - centre).imag, (start - centre).real)
    turn = math.atan2((end - centre).imag, (end - centre).real) - begin
    turn = turn % math.tau if sweep else turn % math.tau - math.tau
    for i in range(1, _PARTS + 1):
        angle = begin + turn * i / _PARTS
        yield centre + radius * Point(math.cos(angle), math.sin(angle))
