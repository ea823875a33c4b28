"""The configuration that all of coremltools' passes take."""

from __future__ import annotations

from typing import Any


def settings(params: Any, how: Any) -> Any:
    """Return an OptimizationConfig: `how` for all operators but those that the user leaves out."""
    from coremltools.optimize.coreml import OptimizationConfig

    return OptimizationConfig(global_config=how, op_type_configs=dict.fromkeys(params.exclude or ()))
