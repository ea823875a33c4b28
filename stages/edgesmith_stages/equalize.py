"""The `equalize` stage: the same function with weights and activations that 8 bits hold better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import Context, DatasetRef, Stage, StageFailed, TorchModel, carry
from edgesmith.calibration import too_many
from edgesmith_stages.fuse import NOISE_IMAGES
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS

if TYPE_CHECKING:
    from edgesmith import Dataset
    from edgesmith_stages.equalization.graph import Found, Norm, Pair


class Equalize(Stage):
    """Scale channels so that integers hold them better, and the network computes the same.

    Cross-layer equalisation (Nagel et al., arXiv 1906.04721): channels between two convolutions or linear layers that
    nothing but a positively homogeneous function joins (ReLU, LeakyReLU, PReLU, pooling) are scaled so that both
    layers' weights have the same range. It serves weights that share one scale per tensor; where each output channel
    has its own, the first of the two gains nothing (docs/quantization.md). Smoothing (SmoothQuant, arXiv 2211.10438):
    where linear layers alone read a norm, its affine takes part of the activations' range, which the layers' weights
    give back.

    Run it on a model with BatchNorm folded (`fuse`), before the exports.

    Figures: `pairs` (found), `equalized`, `smoothed`, `left` (how many layers and norms weren't, by reason), `sweeps`,
    `spread_before`, `spread_after` (the largest ratio of two output channels' ranges in an equalised layer),
    `norm_spread_before`, `norm_spread_after` (largest range of a channel behind a smoothed norm over the median
    one's); `sqnr_db`, `rel_l2`, `agreement` and `max_abs` against the model before; with `relu6: relu`,
    `opened` (how many) and what that alone did: `relu6_sqnr_db`, `relu6_rel_l2`, `relu6_agreement`.
    """

    name, version = "equalize", "1"
    inputs = {"model": TorchModel}
    outputs = {"model": TorchModel}
    requirements = REQUIREMENTS

    class Params(Stage.Params):
        """What to equalise."""

        weights: bool = Field(True, description="equalise the weights of neighbouring layers")
        relu6: Literal["keep", "relu"] = Field(
            "keep",
            description="with `relu`, ReLU6 between two layers becomes ReLU, so that they can be equalised: another "
            "function, and the figures say how far",
        )
        smooth: bool = Field(True, description="move ranges from activations behind norms to weights (needs `data`)")
        data: DatasetRef | None = Field(None, description="dataset to smooth by (its train split)")
        calibration: int = Field(128, ge=1, description="images that the activations' ranges are taken from")
        alpha: float = Field(0.5, ge=0, le=1, description="how much of their range moves to the weights")
        tolerance: float = Field(
            1e-4, gt=0, description="largest relative L2 difference of the logits that scaling may make"
        )

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised, and calibration without enough images."""
        refuse(kinds["model"][0], "`equalize`", "equalise the float model, then quantise it")
        count = datasets["data"].count("train") if params.smooth and "data" in datasets else None
        if count is not None and params.calibration > count:
            raise too_many(params.calibration, count, params.data.name)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Find, scale, compare, write."""
        from edgesmith import write_golden
        from edgesmith.artifacts import CONTRACT_FILE
        from edgesmith.calibration import load
        from edgesmith.parity import Parity, probe_images
        from edgesmith_stages.equalization.graph import exported, find
        from edgesmith_stages.equalization.relu6 import STEP, open_clamps
        from edgesmith_stages.equalization.told import shown
        from edgesmith_stages.equalization.work import scale_pairs, smooth_norms
        from edgesmith_stages.models.recipe import Recipe, build, logits, write_model
        from edgesmith_stages.models.steps import Custom

        source: TorchModel = inputs["model"]
        contract, recipe, out = source.contract, Recipe.read(source.path), ctx.out("model")
        golden = source.golden()[0]
        pixels = probe_images(contract, golden, ctx.seed, count=NOISE_IMAGES)
        module = build(source.path)
        ctx.progress(0, 3, doing="the network's graph")
        graph = exported(module, contract)
        found = find(graph, module)
        pairs, norms, left = _chosen(found, params)
        clamps = tuple(dict.fromkeys(part for pair in pairs for part in pair.clamps))
        expected = logits(module, contract, pixels)
        figures: dict[str, Any] = {"pairs": len(found.pairs)}
        if clamps:
            module, recipe = open_clamps(module, clamps), recipe.then(Custom(op=STEP, args={"parts": clamps}))
            before, expected = expected, logits(module, contract, pixels)
            cost = Parity.of(before, expected).figures()
            figures |= {"opened": len(clamps), **{f"relu6_{name}": value for name, value in cost.items()}}
            ctx.log.warning("ReLU in place of %d ReLU6: SQNR %.1f dB", len(clamps), cost["sqnr_db"])
            graph = exported(module, contract) if norms else graph
        ctx.progress(1, 3, doing="scaling")
        told, rows = scale_pairs(module, pairs)
        images = load(ctx, params.data, contract, params.calibration) if norms else None
        more_told, more_rows = smooth_norms(module, graph, norms, contract, images, params.alpha)
        ctx.progress(2, 3, doing="comparing")
        outputs = logits(module, contract, pixels)
        parity = Parity.of(expected, outputs)
        if not parity.rel_l2 <= params.tolerance:
            raise StageFailed(
                f"equalising changes the logits by {parity.rel_l2:.3g} (relative L2), "
                f"more than tolerance={params.tolerance:g}",
                hint="raise tolerance, or switch off `weights` or `smooth` to see which one does it",
            )
        write_model(out, module, recipe)
        if clamps:
            contract.write(out / CONTRACT_FILE)
            write_golden(out, golden, logits(module, contract, golden))
        else:
            carry(source, out)
        figures |= {**told, **more_told, "left": dict(sorted(Counter(left.values()).items()))}
        if section := shown([*rows, *more_rows], left):
            figures["sections"] = section
        ctx.progress(3, 3)
        return {**figures, "max_abs": float(abs(outputs - expected).max()), **parity.figures()}


def _chosen(found: Found, params: Any) -> tuple[list[Pair], list[Norm], dict[str, str]]:
    """What the params ask for of what there is, and by name why the rest is left."""
    pairs = [pair for pair in found.pairs if params.weights and (params.relu6 == "relu" or not pair.clamps)]
    norms = list(found.norms) if params.smooth and params.data is not None else []
    without = "ReLU6 behind it (`relu6: keep`)" if params.weights else "`weights: false`"
    unread = "no `data` to smooth by" if params.smooth else "`smooth: false`"
    left = dict(found.left)
    left |= {pair.first.name: without for pair in found.pairs if pair not in pairs}
    left |= {norm.name: unread for norm in found.norms if norm not in norms}
    return pairs, norms, left
