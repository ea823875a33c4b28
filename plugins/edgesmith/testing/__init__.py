"""Run plugins in tests, without a pipeline: real stages on real folders.

`run_stage` runs one stage in this process. The contract classes (`StageContract`, `RuntimeContract`, `TargetContract`,
`DatasetContract`) hold the tests that every plugin should pass: subclass one, set its attributes, and pytest does the
rest.
"""

from __future__ import annotations

from edgesmith.testing.contracts import DatasetContract as DatasetContract
from edgesmith.testing.contracts import RuntimeContract as RuntimeContract
from edgesmith.testing.contracts import StageContract as StageContract
from edgesmith.testing.contracts import TargetContract as TargetContract
from edgesmith.testing.trial import LocalContext as LocalContext
from edgesmith.testing.trial import Outcome as Outcome
from edgesmith.testing.trial import bridge_to as bridge_to
from edgesmith.testing.trial import folder_digest as folder_digest
from edgesmith.testing.trial import kinds_of as kinds_of
from edgesmith.testing.trial import run_stage as run_stage
