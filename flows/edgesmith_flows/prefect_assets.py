"""What nodes give, as Prefect's assets: lineage for Prefect Cloud's page of assets, and events for automations.

A server of one's own has no page for them; there the event feed shows what was made from what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.assets import Asset, AssetProperties
from prefect.context import AssetContext

from edgesmith_flows.action import Action
from edgesmith_flows.plan import Plan

MAKER = "edgesmith"
_LONGEST = 200


def assets_of(plan: Plan) -> dict[str, dict[str, Asset]]:
    """Return the asset of each output port, by node and port."""
    return {
        name: {port: _asset(plan, name, port) for port in step.node.output_kinds} for name, step in plan.steps.items()
    }


def note_asset(action: Action) -> None:
    """Tell of the assets that the current task gives: their digests, and the node's figures that are one number."""
    context = AssetContext.get()
    figures = {name: value for name, value in action.figures.items() if isinstance(value, (int, float))}
    for asset in context.downstream_assets if context else ():
        port = asset.key.rpartition("/")[2]
        context.add_asset_metadata(asset.key, {"digest": action.outputs.get(port), "key": action.key, **figures})


def _asset(plan: Plan, name: str, port: str) -> Asset:
    node = plan.steps[name].node
    given: Mapping[str, Any] = node.params.model_dump(mode="json", include=node.params.model_fields_set)
    told = ", ".join(f"{field}: {value}" for field, value in given.items())[:_LONGEST]
    properties = AssetProperties(
        name=f"{plan.pipeline.name} {name}" + (f" {port}" if len(node.output_kinds) > 1 else ""),
        description=f"{node.output_kinds[port].kind}, made by {node.stage.name}" + (f" ({told})" if told else ""),
    )
    # A combination's name is as long as its values; Prefect's keys have at most 512 characters.
    return Asset(key=f"edgesmith://{plan.pipeline.name}/{name[:_LONGEST]}/{port}", properties=properties)
