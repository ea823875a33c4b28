"""The peers: what they need installed, and which script of theirs makes what."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.engine.peers.peer import Peer, PeerMissing

Format = Literal["onnx", "tflite"]


@dataclass(frozen=True)
class Rival:
    """One way to quantise a file.

    Attributes:
        name: as the table shows it.
        source: the format of the file that it takes.
        result: that of what it makes.
        requirements: of its environment, the library that it is known by first.
        script: of `scripts`.
        arguments: further words for it.
    """

    name: str
    source: Format
    result: Literal["onnx", "tflite", "openvino"]
    requirements: tuple[str, ...]
    script: str
    arguments: tuple[str, ...] = ()

    def python(self) -> str:
        """Return its environment's interpreter, building the environment at first use; PeerMissing if that fails."""
        peer = Peer(self.name, self.requirements, lambda folder, graph: None, (), "")
        return str(peer.environment() / "python")

    def make(self, source: Path, calibration: Path, result: Path) -> None:
        """Quantise a file; raise PeerMissing with the last line that it wrote if it can't."""
        script = Path(__file__).with_name("scripts") / f"{self.script}.py"
        words = [self.python(), "-P", str(script), str(source), str(calibration), str(result), *self.arguments]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=result.parent)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it failed"]
            raise PeerMissing(f"failed: {lines[-1].strip()}")


ONNXRUNTIME = ("onnxruntime==1.31.1", "onnx>=1.20", "numpy>=2", "sympy")
QUANTIZER = ("ai-edge-quantizer>=0.10,<0.11", "ai-edge-litert>=2.3")
OLIVE = ("olive-ai", "requests", *ONNXRUNTIME)  # which it imports, but does not ask for
OPENVINO = ("nncf>=3.4,<4", "openvino>=2026.4,<2027", "onnx>=1.20", "numpy>=2", "pydantic>=2.10")

RIVALS = (
    Rival("ONNX Runtime quantize_static", "onnx", "onnx", ONNXRUNTIME, "ort_static"),
    Rival("... per channel, U8S8", "onnx", "onnx", ONNXRUNTIME, "ort_static", ("u8s8",)),
    Rival("Olive OnnxStaticQuantization", "onnx", "onnx", OLIVE, "olive_static"),
    Rival("ai-edge-quantizer static", "tflite", "tflite", QUANTIZER, "aeq_static"),
    Rival("OpenVINO, float", "onnx", "openvino", OPENVINO, "openvino_ir"),
    Rival("NNCF + OpenVINO", "onnx", "openvino", OPENVINO, "openvino_ir", ("int8",)),
    Rival("NNCF + OpenVINO, transformer", "onnx", "openvino", OPENVINO, "openvino_ir", ("transformer",)),
)
