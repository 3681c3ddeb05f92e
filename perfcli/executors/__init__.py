"""When iterations start: one file per executor, with its settings, its limits and its schedule."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from perfcli.executors.base import LoadSettings, Schedule
from perfcli.executors.constant_vus import ConstantVus
from perfcli.executors.per_vu_iterations import PerVuIterations
from perfcli.executors.shared_iterations import SharedIterations

Load = Annotated[SharedIterations | PerVuIterations | ConstantVus, Field(discriminator="executor")]
"""The load of a scenario: the settings of one executor, told apart by the key `executor`."""

LOAD_MODELS: Final[dict[str, type[LoadSettings]]] = {
    "shared-iterations": SharedIterations,
    "per-vu-iterations": PerVuIterations,
    "constant-vus": ConstantVus,
}
EXECUTORS: Final = tuple(LOAD_MODELS)

__all__ = [
    "EXECUTORS",
    "LOAD_MODELS",
    "ConstantVus",
    "Load",
    "LoadSettings",
    "PerVuIterations",
    "Schedule",
    "SharedIterations",
]
