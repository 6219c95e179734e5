"""The process's configuration: environment, Django settings, logging."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The checkout that holds the package, `docs/` and, by default, `var/`."""
