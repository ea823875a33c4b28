"""Choose the forms of a Core ML package's weights by bytes and drop: `tune-precision` without a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgesmith import Cancelled, CoreMLModel, StageFailed, carry
from edgesmith_stages.quantize.assignment import NOT_SMALLER, UNTOUCHED
from edgesmith_stages.quantize.budget import Budget
from edgesmith_stages.quantize.coreml.mixing import Forms, Mixing, Mixture
from edgesmith_stages.quantize.outcome import headline, nothing_chosen, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context
    from edgesmith_stages.images import Images
    from edgesmith_stages.quantize.coreml.quantiser import CoreMLQuantiser
    from edgesmith_stages.quantize.coreml.swapped import Swapped

NOISE_IMAGES = 16
"""Calibration images that noise is measured on, at most. It orders candidates; all images of `split` judge them."""


def tune_package(ctx: Context, source: CoreMLModel, params: Any) -> Mapping[str, Any]:
    """Run `tune-precision` on a Core ML package; return its figures.

    Args:
        ctx: of the stage.
        source: the float package.
        params: of the stage.

    Raises:
        UserError: the package is for an older system than compressed weights need, or compressed already.
        StageFailed: it has no weights worth it, or nothing is within budget and `on_regress` is `fail`.
    """
    from edgesmith.calibration import load
    from edgesmith_stages.answers import right_outputs
    from edgesmith_stages.images import Images
    from edgesmith_stages.quantize.coreml.forms import PROBED, fitting
    from edgesmith_stages.quantize.coreml.noise import costs
    from edgesmith_stages.quantize.coreml.quantiser import CoreMLQuantiser
    from edgesmith_stages.quantize.coreml.swapped import Swapped

    quantiser = CoreMLQuantiser(source)
    quantiser.refuse(PROBED)
    forms, unfit = fitting(quantiser.version)
    if not quantiser.compressible:
        raise StageFailed("the package has no weights that are worth compressing", hint="deliver it as it is")
    few = load(ctx, params.data, source.contract, min(params.calibration, NOISE_IMAGES))
    images = Images(ctx, params.data, params.split, params.images)
    right = right_outputs(images, source.contract)

    def told(done: int, total: int) -> None:
        if ctx.cancelled:
            raise Cancelled("the run was interrupted")
        ctx.progress(done, total, doing="one operation at a time")

    ctx.progress(0, 4, doing="whole forms")
    swapped = Swapped(source, quantiser, forms, ctx.scratch / "forms")
    table = costs(swapped, quantiser.compressible, forms, few, told)
    jury = _Jury(ctx, source, swapped, few, images, right)
    mixing = Mixing(table, jury.sqnr_db, jury.drop, params.max_drop)
    ctx.progress(1, 4, doing="mixtures")
    for form in forms:
        mixing.note(mixing.add(form, dict.fromkeys(table, form)), bytes=swapped.sizes[form])
    budget = Budget.of(params.max_drop, None, params.max_bytes, source.bytes())
    rest = source.bytes() - sum(swapped.weight_bytes[UNTOUCHED].values())
    if params.prefer == "drop":
        mixing.most_exact(None if budget.max_bytes is None else budget.max_bytes - rest)
    else:
        mixing.smallest()
    ctx.progress(3, 4, doing="confirming")
    chosen = _confirmed(ctx, source, quantiser, mixing, budget, rest, images.pixels(source.contract), right, params)
    ctx.progress(4, 4)
    missed = {one.label: _missed(one, budget, rest) for one in mixing.tried}
    return _deliver(ctx, source, quantiser, mixing, chosen, missed, unfit, params)


class _Jury:
    """What mixtures lose, without writing them."""

    def __init__(
        self,
        ctx: Context,
        source: CoreMLModel,
        swapped: Swapped,
        few: NDArray[np.uint8],
        images: Images,
        right: NDArray[np.int64],
    ) -> None:
        self._ctx, self._source, self._swapped = ctx, source, swapped
        self._few, self._images, self._right = few, images, right

    def sqnr_db(self, forms: Forms) -> float:
        """Compare the logits of a few images with the float package's."""
        from edgesmith.parity import sqnr_db

        return sqnr_db(self._wanted, self._swapped.logits(forms, self._few))

    def drop(self, forms: Forms) -> tuple[float, int]:
        """Compare the answers to all images."""
        from edgesmith_stages.quantize.parity import lost

        if self._ctx.cancelled:
            raise Cancelled("the run was interrupted")
        answers = self._swapped.logits(forms, self._pixels).argmax(axis=1)
        return lost(self._expected, answers, self._right), self._images.count

    @cached_property
    def _wanted(self) -> NDArray[np.float32]:
        return self._swapped.logits({}, self._few)

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        return self._images.pixels(self._source.contract)

    @cached_property
    def _expected(self) -> Any:
        return self._swapped.logits({}, self._pixels).argmax(axis=1)


def _confirmed(
    ctx: Context,
    source: CoreMLModel,
    quantiser: CoreMLQuantiser,
    mixing: Mixing,
    budget: Budget,
    rest: int,
    pixels: NDArray[np.uint8],
    right: NDArray[np.int64],
    params: Any,
) -> Mixture | None:
    """Write the best mixture and score the package in its runtime; the next best one where it misses the budget so."""
    from edgesmith_stages.quantize.parity import lost
    from edgesmith_stages.quantize.quantiser import write_assigned

    candidates = mixing.ordered("drop" if params.prefer == "drop" else "bytes")
    fitting = [one for one in candidates if _missed(one, budget, rest) is None]
    if not fitting:
        return None

    def answers(model: CoreMLModel) -> Any:
        with ctx.open(model, threads=params.threads) as process:
            return process.predict(pixels).argmax(axis=1)

    expected = answers(source)
    for one in fitting:
        assignment = one.assignment()
        made = CoreMLModel(ctx.scratch / "candidates" / assignment.digest())
        made.path.mkdir(parents=True, exist_ok=True)
        carry(source, made.path)
        write_assigned(quantiser, assignment, made.file)
        drop = lost(expected, answers(made), right)
        measured = mixing.note(one, bytes=made.bytes(), drop=drop)
        if _missed(measured, budget, rest) is None and made.bytes() < source.bytes():
            return measured
    return None


def _missed(mixture: Mixture, budget: Budget, rest: int) -> str | None:
    """Say what a mixture misses; of one that was not written, the weights and all else make the least size."""
    size = mixture.weight_bytes + rest if mixture.bytes is None else mixture.bytes
    return budget.beyond(size, mixture.drop, mixture.images)


def _deliver(
    ctx: Context,
    source: CoreMLModel,
    quantiser: CoreMLQuantiser,
    mixing: Mixing,
    chosen: Mixture | None,
    missed: Mapping[str, str | None],
    unfit: Mapping[str, str],
    params: Any,
) -> Mapping[str, Any]:
    if chosen is None:
        assignment = nothing_chosen(ctx, source.kind, NOT_SMALLER, missed, params)
        why = NOT_SMALLER
    else:
        assignment, why = chosen.assignment(), f"{chosen.label}: best by {params.prefer or 'bytes'} within budget"
    size = chosen.bytes if chosen and chosen.bytes else source.bytes()
    label = chosen.label if chosen else UNTOUCHED
    figures = headline(assignment, label, why, quantiser.operations, len(mixing.tried), size)
    figures["bytes_ratio"] = round(size / source.bytes(), 4)
    if chosen is None:
        figures["drop"] = 0.0
    else:
        figures |= {
            "forms": dict(sorted(Counter(chosen.forms.values()).items())),
            "drop": chosen.drop,
            "images": chosen.images,
            "sqnr_db": round(chosen.sqnr_db, 2),
        }
    rows = [_row(one) | {"missed": missed[one.label]} for one in mixing.tried]
    noise = {
        name: {form: {"bytes": cost.bytes, "noise": cost.noise} for form, cost in costs.items()}
        for name, costs in mixing.table.items()
    }
    write(ctx, assignment, figures, rows, split=params.split, operations=noise, unfit=dict(unfit))
    return figures


def _row(mixture: Mixture) -> dict[str, Any]:
    measured = {} if mixture.bytes is None else {"bytes": mixture.bytes}
    return {
        "label": mixture.label,
        "forms": dict(sorted(Counter(mixture.forms.values()).items())),
        "weight_bytes": mixture.weight_bytes,
        "sqnr_db": round(mixture.sqnr_db, 2),
        "drop": mixture.drop,
        **measured,
    }
