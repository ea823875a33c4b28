"""How the contract lets go of a name: it works for one contract version more, and says what to use instead."""

from __future__ import annotations

import warnings


class ContractWarning(DeprecationWarning):
    """A plugin uses a part of the contract that is on its way out; `edgesmith plugins` and `doctor` show it."""


def deprecated(old: str, instead: str, until: int) -> None:
    """Warn that `old` is gone in contract version `until`, naming what to use instead.

    A hook says the same by `hookspec(warn_on_impl=ContractWarning(...))`.
    """
    warnings.warn(f"{old} is gone in contract {until}: use {instead}", ContractWarning, stacklevel=3)
