"""`${params.x}`, `${matrix.x}` and `${env.X}`: a string that is one expression keeps its value's type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from edgesmith.errors import unknown
from edgesmith_flows.yaml_source import KeyPath

_EXPRESSION = re.compile(r"\$\{\s*([^{}]*?)\s*\}")
Complain = Callable[[KeyPath, str], None]


class Interpolator:
    """Replaces expressions in YAML values and remembers which params were used.

    Args:
        names: the namespaces, e.g. `{"params": {...}, "matrix": {...}, "env": os.environ}`.
        complain: is told of each unknown name, with the key path at which it stands.
        used: collects the top-level params that were looked up.
    """

    def __init__(self, names: Mapping[str, Mapping[str, Any]], complain: Complain, used: set[str]) -> None:
        self.names = names
        self.complain = complain
        self.used = used

    def value(self, value: Any, path: KeyPath) -> Any:
        """Return `value` with every expression in it replaced, mappings and lists included."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, Mapping):
            return {key: self.value(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _text(self, text: str, path: KeyPath) -> Any:
        whole = _EXPRESSION.fullmatch(text)
        if whole:
            return self._look_up(whole.group(1), path)
        return _EXPRESSION.sub(lambda match: str(self._look_up(match.group(1), path)), text)

    def _look_up(self, expression: str, path: KeyPath) -> Any:
        space, *parts = expression.split(".")
        if space not in self.names or not parts:
            spaces = ", ".join(f"${{{name}.NAME}}" for name in self.names)
            self.complain(path, f"${{{expression}}} names nothing; expected one of {spaces}")
            return None
        if space == "params":
            self.used.add(parts[0])
        found: Any = self.names[space]
        for part in parts:
            if not isinstance(found, Mapping) or part not in found:
                known = found if isinstance(found, Mapping) and space != "env" else ()
                what = f"{space} in ${{{expression}}}:" if known else f"{space}"
                self.complain(path, unknown(what, part, known) if known else f"${{{expression}}} is not set")
                return None
            found = found[part]
        return found
