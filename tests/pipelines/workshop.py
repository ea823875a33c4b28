"""A stage that writes a small ONNX file."""

from edgesmith import InputContract, OnnxModel, Stage, hookimpl, write_golden


class Tiny(Stage):
    """Channel means times a matrix, as an ONNX file."""

    name, version = "tiny-onnx", "1"
    outputs = {"model": OnnxModel}
    requirements = ("onnx", "numpy")

    def run(self, ctx, inputs, params):
        import numpy as np
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        folder = ctx.out("model")
        contract = InputContract(size=(32, 32), classes=("a", "b"))
        weight = np.array([[1, -1], [2, 0], [0, 3]], np.float32)
        nodes = [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
        ]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 32, 32])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
        graph = helper.make_graph(nodes, "main", [image], [logits], [numpy_helper.from_array(weight, "weight")])
        model = OnnxModel(folder)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), model.file)
        contract.write(folder / "contract.json")
        pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
        write_golden(folder, pixels, contract.normalise(pixels).mean((2, 3)) @ weight)


@hookimpl
def edgesmith_stages():
    return [Tiny]
