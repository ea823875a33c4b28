"""Environments for stages: this one where it meets the requirements, else an isolated one that uv builds once."""

from edgesmith_flows.toolchains.environment import Environment as Environment
from edgesmith_flows.toolchains.environment import Toolchains as Toolchains
from edgesmith_flows.toolchains.environment import default_root as default_root
