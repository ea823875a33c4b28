"""Olive's OnnxStaticQuantization pass, with its defaults."""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from olive import run
from olive.data.registry import Registry


class Rows:
    """Feeds of one input, each with a label that nothing reads."""

    def __init__(self, name: str, rows: np.ndarray) -> None:
        self.name, self.rows = name, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], int]:
        return {self.name: self.rows[index]}, 0


def main(source: str, calibration: str, result: str) -> None:
    """Quantise a file."""
    name = onnx.load(source).graph.input[0].name
    rows = np.load(calibration)

    @Registry.register_dataset("calibration_rows")
    def calibration_rows(**_: object) -> Rows:
        return Rows(name, rows)

    with tempfile.TemporaryDirectory() as folder:
        run(
            {
                "input_model": {"type": "ONNXModel", "model_path": source},
                "data_configs": [
                    {
                        "name": "calibration",
                        "load_dataset_config": {"type": "calibration_rows"},
                        "pre_process_data_config": {"type": "skip_pre_process"},
                        "post_process_data_config": {"type": "skip_post_process"},
                        "dataloader_config": {"type": "default_dataloader", "batch_size": 1},
                    }
                ],
                "passes": {"static": {"type": "OnnxStaticQuantization", "data_config": "calibration"}},
                "output_dir": folder,
                "cache_dir": str(Path(folder, "cache")),
                "evaluate_input_model": False,
            }
        )
        made = sorted(Path(folder).rglob("*.onnx"), key=lambda file: (len(file.parts), str(file)))
        made = [file for file in made if "cache" not in file.relative_to(folder).parts] or made
        shutil.copyfile(made[0], result)


if __name__ == "__main__":
    main(*sys.argv[1:])
