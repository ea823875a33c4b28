"""The contract version that a plugin states (docs/contract.md), and what it warned about while it was loaded."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgesmith import CONTRACT
from edgesmith.deprecation import ContractWarning
from edgesmith.errors import UserError
from edgesmith.loading import package_place

OLDEST = 1
"""The oldest contract version whose plugins still load."""

ATTRIBUTE = "edgesmith_contract"
_STATED = re.compile(rf"^{ATTRIBUTE}\s*(?::[^=\n]*)?=\s*(\d+)", re.MULTILINE)


def check_contract(stated: Any, distribution: str) -> None:
    """Refuse a plugin that was built for a contract version which this edgesmith doesn't have.

    Raises:
        UserError: it was built for a later version, or for one that is no more.
    """
    if not isinstance(stated, int) or isinstance(stated, bool):
        raise UserError(f"{ATTRIBUTE} is {stated!r}; expected an integer, such as {ATTRIBUTE} = {CONTRACT}")
    if stated > CONTRACT:
        raise UserError(
            f"it was built for contract {stated} of edgesmith; this edgesmith has contract {CONTRACT}",
            hint=f"update edgesmith, or install a release of {distribution} for contract {CONTRACT}",
        )
    if stated < OLDEST:
        raise UserError(
            f"it was built for contract {stated} of edgesmith; this edgesmith has {OLDEST} to {CONTRACT}",
            hint=f"update {distribution}, or use an older edgesmith",
        )


def written_contract(module: str, folder: Path | None = None) -> int | None:
    """Return the contract version in a module's source, without importing it; None where none is found.

    A plugin for a later contract mostly fails at its import of a name that is not there yet, before it can be asked.
    """
    top, *rest = module.split(".")
    with contextlib.suppress(ImportError, ValueError, AttributeError, OSError):
        local = folder / top if folder is not None else None
        place = local if local is not None and local.is_dir() else package_place(top)
        if local is not None and local.with_suffix(".py").is_file():
            place = local.with_suffix(".py")
        if place is None:
            return None
        base = place.joinpath(*rest)
        for file in (place, base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                found = _STATED.search(file.read_text(encoding="utf-8", errors="replace"))
                return int(found.group(1)) if found else None
    return None


@contextlib.contextmanager
def heard() -> Iterator[list[str]]:
    """Collect the contract's own warnings; give back all others."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ContractWarning)
        yield told
    for one in caught:
        if issubclass(one.category, ContractWarning):
            told.append(str(one.message))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
