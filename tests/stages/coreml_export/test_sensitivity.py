"""What rounding costs the logits, predicted from gradients."""

from __future__ import annotations

from typing import Any

import pytest

from edgesmith_stages.coreml_export.sensitivity import Source, cheapest, decibels_without

A = Source("a", 1e-4, frozenset({"a", "b"}))
B = Source("b", 1e-6, frozenset({"b"}))
C = Source("c", 1e-5, frozenset({"c", "d", "e", "f"}))


def test_noise_is_what_is_left_over() -> None:
    assert decibels_without([A, B, C], ()) == pytest.approx(39.55, abs=0.01)
    assert decibels_without([A, B, C], "ab") == pytest.approx(50)
    assert decibels_without([A, B, C], "a") == pytest.approx(39.55, abs=0.01)
    assert decibels_without([A], "ab") == float("inf")


def test_operations_are_chosen_by_what_each_one_saves() -> None:
    """`b` is kept for the sake of `a`, whose result it reads; its own rounding goes with it."""
    assert cheapest([A, B, C], (), 45) == {"a": A, "b": A}
    assert list(cheapest([A, B, C], (), 55)) == ["a", "b", "c", "d", "e", "f"]
    assert cheapest([A, B, C], (), 39) == {}
    assert cheapest([A, B, C], "ab", 45) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_the_prediction_is_what_a_package_in_halves_does(tmp_path: Any, make_torch_model: Any, name: str) -> None:
    """Within some decibels: powers are added as if roundings knew nothing of each other."""
    from edgesmith.testing import LocalContext
    from edgesmith_stages.coreml_export.check import compare
    from edgesmith_stages.coreml_export.job import Job
    from edgesmith_stages.export_coreml import ExportCoreML, file_contract

    source = make_torch_model(tmp_path / "source", name)
    params = ExportCoreML.Params()
    job = Job.prepare(LocalContext(tmp_path), source, file_contract(source.contract, params), params)
    saved = job.make(tmp_path / "model.mlpackage", ())
    found = compare(job.wanted, saved.logits(job.images))
    predicted = decibels_without(job.sources(saved, found.worst), ())
    assert predicted == pytest.approx(found.parity.sqnr_db, abs=5)
