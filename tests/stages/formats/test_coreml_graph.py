"""Exported graphs, made fit for coremltools."""

from __future__ import annotations

import torch
from torch import nn

from edgesmith_stages.formats.coreml_graph import count_operators, layers, lower


class Sliced(nn.Module):
    """Ends with a slice of everything, after another."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.layer(x)[:, :4] + 1)[:, :4]


def export() -> torch.export.ExportedProgram:
    return torch.export.export(Sliced(), (torch.ones(2, 3),)).run_decompositions({})


def test_aliases_go_even_at_the_end() -> None:
    program = export()
    row = torch.rand(2, 3)
    wanted = program.module()(row)
    assert count_operators(program) == 4
    lower(program)
    assert [str(node.target) for node in program.graph.nodes if node.op == "call_function"] == [
        "aten.linear.default",
        "aten.add.Tensor",
    ]
    torch.testing.assert_close(program.module()(row), wanted)


def test_operators_know_their_layers() -> None:
    assert layers(export())["linear"] == "layer"
