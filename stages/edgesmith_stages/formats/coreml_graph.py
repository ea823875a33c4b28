"""Exported torch programs, made fit for coremltools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PASS_ON = ("aten.alias.default", "aten.detach.default", "aten.detach_.default", "aten.lift_fresh_copy.default")
"""Operators that give what they are given, unknown to coremltools 9.0. In GhostNet a slice of everything is one."""


def lower(program: Any) -> Any:
    """Take out of an ExportedProgram what only passes a value on, in place; return it."""
    graph = program.graph_module.graph
    renamed = {}
    for node in list(graph.nodes):
        if node.op == "call_function" and str(node.target) in _PASS_ON:
            renamed[node.name] = node.args[0].name
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    if renamed:
        _rename_outputs(program.graph_signature, renamed)
        graph.lint()
        program.graph_module.recompile()
    return program


def spell_out(program: Any) -> Any:
    """Write operators that coremltools doesn't know in terms of others, where torch knows how; return the program.

    ConvNeXt-V2's `addcmul` is one. Where that leaves any that it doesn't know, either, the program is returned as it
    was, for coremltools to name the network's own operator.
    """
    from torch._decomp import get_decompositions

    spelled = program
    while unknown := _unknown(spelled):
        parts = get_decompositions(unknown)
        if not parts:
            return program
        spelled = spelled.run_decompositions(parts)
    return spelled


def _unknown(program: Any) -> list[Any]:
    from coremltools.converters.mil.frontend.torch.torch_op_registry import is_torch_fx_node_supported

    calls = (node for node in program.graph.nodes if node.op == "call_function")
    return list(dict.fromkeys(node.target for node in calls if not is_torch_fx_node_supported(node)))


def count_operators(program: Any) -> int:
    """Count an exported program's operators."""
    calls = (node for node in program.graph.nodes if node.op == "call_function")
    return sum(1 for node in calls if "getitem" not in str(node.target))


def layers(program: Any) -> dict[str, str]:
    """Return, by a node's name, the path of the module that it comes from; "" where it is the network itself."""
    found = {}
    for node in program.graph.nodes:
        stack = node.meta.get("nn_module_stack")
        if stack:
            path, _ = list(stack.values())[-1]
            found[node.name] = path.removeprefix("network").removeprefix(".")
    return found


def _rename_outputs(signature: Any, renamed: Mapping[str, str]) -> None:
    for spec in signature.output_specs:
        while spec.arg.name in renamed:
            spec.arg.name = renamed[spec.arg.name]
