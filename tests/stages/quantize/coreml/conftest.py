from pathlib import Path

import pytest

from edgesmith import CoreMLModel, TorchModel
from edgesmith.testing import Outcome


@pytest.fixture(scope="session")
def coreml_model():
    return Outcome({"model": CoreMLModel(Path("/tmp/qi/m/iOS18/model"))}, {})


@pytest.fixture(scope="session")
def trained_model():
    return TorchModel(Path("/tmp/qi/m/t/model"))
