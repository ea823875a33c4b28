"""Runs `export-tflite` in the interpreter it is started with; started by the fixture `export_tflite`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgesmith import EdgesmithError
from edgesmith.loading import load_object
from edgesmith.testing import run_stage
from edgesmith_stages.export_tflite import ExportTflite

if __name__ == "__main__":
    kind, source, folder, params = sys.argv[1:]
    answer = {"error": None, "figures": None}
    try:
        made = run_stage(ExportTflite, Path(folder), {"model": load_object(kind)(Path(source))}, json.loads(params))
        answer["figures"] = dict(made.figures)
    except EdgesmithError as error:
        answer["error"] = str(error)
    print(json.dumps(answer))
