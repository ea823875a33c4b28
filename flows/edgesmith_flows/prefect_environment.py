"""Settings of Prefect for edgesmith's own commands, unless the user has set them."""

from __future__ import annotations

import os

_DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The terminal is edgesmith's; Prefect's own lines go to its API.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}


def set_defaults() -> None:
    """Set them in the environment; to be called before Prefect is imported, which reads them then."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
