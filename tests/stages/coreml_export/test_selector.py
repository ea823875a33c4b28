"""Which operations become halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith.testing import LocalContext
from edgesmith_stages.coreml_export.job import Job
from edgesmith_stages.coreml_export.selector import Selector
from edgesmith_stages.coreml_export.trace import canonical
from edgesmith_stages.export_coreml import ExportCoreML, file_contract
from edgesmith_stages.formats.coreml import op_counts

from . import networks


@dataclass(eq=False)
class Op:
    """As much of a PyMIL operation as is looked at: its result is its own, under its name."""

    name: str
    child_ops: Sequence[Op] = field(default=())

    @property
    def outputs(self) -> list[Op]:
        return [self]


class TestByName:
    def test_what_is_kept_is_no_half(self) -> None:
        halves = Selector({"a"}, {"a", "b"})
        assert not halves(Op("a"))
        assert not halves(Op("a_0"))
        assert halves(Op("b", [Op("a")]))

    def test_what_the_finished_program_does_not_have_goes_with_its_readers(self) -> None:
        halves = Selector({"a"}, {"a", "b"})
        assert not halves(Op("passing", [Op("b"), Op("a")]))
        assert not halves(Op("passing", [Op("another", [Op("a")])]))
        assert halves(Op("passing", [Op("b", [Op("a")])]))
        assert halves(Op("passing"))

    def test_nothing_kept_makes_all_halves(self) -> None:
        assert Selector((), {"a"})(Op("a"))


@pytest.mark.slow
@pytest.mark.parametrize("network", [networks.attentive, networks.swish])
def test_with_all_kept_it_is_the_program_in_single_precision(tmp_path: Path, network: Any) -> None:
    """To the bit, and without a cast."""
    source = networks.write(tmp_path / "source", network)
    params = ExportCoreML.Params()
    job = Job.prepare(LocalContext(tmp_path), source, file_contract(source.contract, params), params)
    whole = job.make(tmp_path / "whole.mlpackage", None)
    names = {canonical(operation.name) for operation in whole.block.operations}
    kept = job.make(tmp_path / "kept.mlpackage", names, names)
    np.testing.assert_array_equal(kept.logits(job.images), whole.logits(job.images))
    first, second = (op_counts(one.interpreter.package.spec) for one in (whole, kept))
    assert first == second
