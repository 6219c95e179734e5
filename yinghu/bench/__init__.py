"""`yinghu bench NAME`: how fast, against what PostgreSQL itself could do on the same rows.

Each bench makes a database of its own on the server in use, measures, and drops it. Figures go to
stdout as one JSON list, everything for people to stderr.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `limit` is what it is held against, `ratio` is value / limit."""

    name: str
    value: float
    unit: str
    limit: float | None = None

    def row(self) -> dict[str, Any]:
        """As it is printed."""
        # A time's limit may be nothing or less: a notification can overtake the commit's answer.
        ratio = round(self.value / self.limit, 3) if self.limit and self.limit > 0 else None
        limit = round(self.limit, 3) if self.limit is not None else None
        return {**asdict(self), "value": round(self.value, 3), "limit": limit, "ratio": ratio}


BENCHES = {
    "intake": "yinghu.bench.intake",
    "import": "yinghu.bench.imports",
    "pages": "yinghu.bench.pages",
    "live": "yinghu.bench.live",
    "oversight": "yinghu.bench.oversight",
    "field": "yinghu.bench.field",
}
"""Name -> module with `run(options) -> list[Figure]` and `configure(parser)`."""
