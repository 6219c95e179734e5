"""Signatures by which texts that are nearly the same find each other through an index.

MinHash: of each of 60 permutations of all pairs of characters, the smallest value that the text
has. Two texts agree in one of them with the probability of their Jaccard index. Three values make a
band, and texts that share one of the 20 bands are candidates: of those with an index of 0.65 (two
letters of a short message differ) 99.8 %, of 0.5 93 %, of 0.1 2 %. See Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", 3.4.
"""

import zlib
from hashlib import sha256
from typing import Any, Final

import numpy as np

from yinghu.triage.similarity import grams

BANDS: Final = 20
_ROWS: Final = 3
FEWEST: Final = 4
"""Pairs of characters; a shorter text says too little to be found by its words alone."""


def _constants(name: str) -> Any:
    """Return a random odd 64-bit number for each permutation, the same for good."""
    drawn = (sha256(f"{name} {i}".encode()).digest()[:8] for i in range(BANDS * _ROWS))
    return np.array([int.from_bytes(part) | 1 for part in drawn], dtype=np.uint64)[:, None]


_FACTORS, _OFFSETS = _constants("factor"), _constants("offset")


def bands_of(text: str) -> list[int]:
    """Return the bands of a text, as 32-bit integers; none for a very short one."""
    pairs = grams(text)
    if len(pairs) < FEWEST:
        return []
    hashed = np.array([zlib.crc32(pair.encode()) for pair in pairs], dtype=np.uint64)
    # Multiply and shift; the overflow is meant.
    least = ((_FACTORS * hashed[None, :] + _OFFSETS) >> np.uint64(32)).min(axis=1)
    rows = least.astype(np.uint32).reshape(BANDS, _ROWS)
    made = (zlib.crc32(row.tobytes(), n) for n, row in enumerate(rows))
    return sorted({value - 2**32 if value >= 2**31 else value for value in made})
