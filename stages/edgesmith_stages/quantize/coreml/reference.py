"""What a saved package answers, by the reference runtime: logits, also of a package that gives probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import CoreMLModel
    from edgesmith_stages.mil.program import Block

_PASSED_ON = ("cast", "squeeze", "reshape", "expand_dims", "identity")


def logits(model: CoreMLModel, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run a package on images, one by one.

    A softmax that is sure of itself hides any difference, so of a classifier what goes into the softmax is taken.

    Args:
        model: the package.
        pixels: uint8 [N, H, W, C].

    Returns:
        float32 [N, classes]; probabilities of a classifier that makes them without a softmax.
    """
    import numpy as np

    from edgesmith_stages.mil.interpret import Interpreter
    from edgesmith_stages.runtimes.coreml_reference import in_order

    interpreter = Interpreter(model.file, watch=False)
    features = interpreter.features
    (name,) = features.inputs
    wanted = before_softmax(interpreter.function.block)
    rows = model.contract.feed(pixels)
    tapped: list[Any] = []

    def tap(value: str, tensor: Any) -> None:
        if value == wanted:
            tapped.append(tensor.float().numpy().reshape(1, -1).copy())

    answers = []
    for place in range(len(rows)):
        outputs = interpreter.run({name: rows[place : place + 1]}, taps=tap)
        if features.probabilities:
            answers.append(in_order(outputs[features.probabilities], model.contract.classes))
        else:
            answers.append(np.asarray(outputs[next(iter(features.outputs))], np.float32).reshape(1, -1))
    return np.concatenate(tapped if tapped else answers)


def before_softmax(block: Block) -> str | None:
    """Return the name of what goes into a classifier's softmax; None where there is none."""
    from edgesmith_stages.mil.program import Ref

    makers = {value.name: operation for operation in block.operations for value in operation.outputs}
    classify = next((operation for operation in block.operations if operation.type == "classify"), None)
    if classify is None:
        return None
    argument, key = classify.arguments["probabilities"], "probabilities"
    while isinstance(argument[0], Ref) and (maker := makers.get(argument[0].name)) is not None:
        key = "data" if maker.type in ("expand_dims",) else "x"
        if maker.type == "softmax":
            (logits,) = maker.arguments["x"]
            return logits.name if isinstance(logits, Ref) else None
        if maker.type not in _PASSED_ON:
            return None
        argument = maker.arguments[key]
    return None
