"""The stage `linear-fit`."""

from __future__ import annotations

from pydantic import Field

from edgesmith import DatasetRef, InputContract, Stage, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith_demo.algebra import design, ridge
from edgesmith_demo.model import LinearModel


class LinearFit(Stage):
    """Fit a linear classifier to pixels by ridge regression."""

    name, version = "linear-fit", "1"
    outputs = {"model": LinearModel}
    requirements = ("numpy", "pillow")

    class Params(Stage.Params):
        data: DatasetRef = DatasetRef(name="digits")
        image_size: int = Field(default=16, ge=4)
        ridge: float = Field(default=10.0, gt=0)

    def run(self, ctx, inputs, params):
        import numpy as np

        dataset = ctx.dataset(params.data)
        split = dataset.split("train")
        contract = InputContract(
            size=(params.image_size, params.image_size), classes=dataset.classes, normalised_by="model", dtype="uint8"
        )
        pixels = contract.pixels([split.image(i) for i in range(len(split))])
        features = design(contract.feed(pixels))
        weights = ridge(features, np.eye(len(dataset.classes))[split.labels], params.ridge)
        folder = ctx.out("model")
        np.save(folder / LinearModel.main, weights.astype(np.float32))
        contract.write(folder / CONTRACT_FILE)
        write_golden(folder, pixels[:4], (features[:4] @ weights).astype(np.float32))
        ctx.log.info("fitted %d weights", weights.size)
        right = (features @ weights).argmax(1) == split.labels
        return {"weights": int(weights.size), "train_top1": float(right.mean())}
