"""Gates: expressions over the nodes' figures, evaluated by simpleeval."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edgesmith.errors import UserError, unknown


@dataclass(frozen=True)
class GateResult:
    """One gate's outcome: held, failed, or undecided because a figure is missing.

    Attributes:
        detail: the figures that the expression was evaluated on, or why it couldn't be.
    """

    expression: str
    held: bool
    detail: str


def names_in(expression: str) -> list[str]:
    """Return the node names that a gate mentions.

    Raises:
        UserError: the gate is not an expression.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UserError(f"not an expression: {what}: {expression[:80]!r}") from error
    except (RecursionError, MemoryError) as error:
        raise UserError(f"not an expression: nested too deeply: {expression[:80]!r}") from error
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in functions]
    return list(dict.fromkeys(names))


def gate_nodes(expression: str, nodes: Iterable[str]) -> list[str]:
    """Return those of `nodes` that a gate mentions; `-` in a node's name is written `_` in a gate."""
    names = set(names_in(expression))
    return [node for node in nodes if node in names or node.replace("-", "_") in names]


def evaluate_gates(gates: tuple[str, ...], figures: Mapping[str, Mapping[str, Any]]) -> list[GateResult]:
    """Evaluate gates.

    Args:
        gates: expressions such as `bench.top1["tflite-int8"] >= bench.top1["fused"] - 0.01`.
        figures: by node, its figures; those of a stage with a `many` port are already keyed by input node.
    """
    return [_evaluate(gate, figures) for gate in gates]


def value_of(expression: str, figures: Mapping[str, Mapping[str, Any]]) -> Any:
    """Evaluate any expression over figures, as gates see them.

    Raises:
        UserError: it can't be evaluated; the message says which figure wasn't measured.
    """
    from simpleeval import AttributeDoesNotExist, InvalidExpression, NameNotDefined

    try:
        return _evaluator(figures).eval(expression.strip())
    except NameNotDefined as error:
        raise UserError(f"not measured: {error.name} gave no figures") from error
    except AttributeDoesNotExist as error:
        raise UserError(_missing(expression, str(error.attr), figures)) from error
    except KeyError as error:
        raise UserError(_missing(expression, str(error.args[0]), figures)) from error
    except InvalidExpression as error:
        raise UserError(str(error)) from error
    except Exception as error:  # arithmetic on the wrong figures: TypeError, ZeroDivisionError, OverflowError, ...
        raise UserError(f"can't be evaluated: {error} (a figure that wasn't measured?)") from error


def _evaluate(gate: str, figures: Mapping[str, Mapping[str, Any]]) -> GateResult:
    try:
        value = value_of(gate, figures)
    except UserError as error:
        return GateResult(gate, False, error.message)
    if not isinstance(value, bool):
        return GateResult(gate, False, f"gives {value!r}; expected true or false")
    seen = _values(gate, _evaluator(figures))
    return GateResult(gate, value, ", ".join(f"{name} = {shown(one)}" for name, one in seen.items()))


def _evaluator(figures: Mapping[str, Mapping[str, Any]]) -> Any:
    from simpleeval import EvalWithCompoundTypes

    evaluator = EvalWithCompoundTypes(
        names={name: dict(values) for name, values in figures.items()},
        functions={"min": min, "max": max, "abs": abs, "round": round, "len": len},
    )
    otherwise = evaluator.nodes[ast.Attribute]

    def attribute(node: ast.Attribute) -> Any:
        """Find `a.b`: a figure first, as it may have the name of a mapping's method (`values`, `items`)."""
        of = evaluator._eval(node.value)
        return of[node.attr] if isinstance(of, Mapping) and node.attr in of else otherwise(node)

    evaluator.nodes[ast.Attribute] = attribute
    return evaluator


def _values(gate: str, evaluator: Any) -> dict[str, Any]:
    """Return the value of every figure that a gate mentions and that was measured, by its text."""
    found: dict[str, Any] = {}

    def walk(node: ast.AST) -> None:
        if isinstance(node, (ast.Subscript, ast.Attribute)):
            text = ast.unparse(node)
            with contextlib.suppress(Exception):  # of `a.x or b.y`, b.y may be missing
                found[text] = evaluator.eval(text)
            return
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(gate.strip(), mode="eval"))
    return found


def _missing(gate: str, missing: str, figures: Mapping[str, Mapping[str, Any]]) -> str:
    known = {key for node in names_in(gate) if node in figures for key in figures[node]}
    for node in names_in(gate):
        for values in figures.get(node, {}).values():
            if isinstance(values, Mapping):
                known.update(str(key) for key in values)
    return "not measured: " + unknown("figure", missing, known)


def shown(value: Any) -> str:
    """Write a figure as tables do."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
