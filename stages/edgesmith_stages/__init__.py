"""The stages, runtimes, targets and datasets that edgesmith ships."""

import os

# Unless this is set before it is loaded, ONNX Runtime tells its makers of each model: names, and hashes of weights.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
