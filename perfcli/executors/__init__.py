"""When iterations start: each executor with its settings, its limits and its schedule."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from perfcli.executors.arrival_rates import ConstantArrivalRate, RampingArrivalRate
from perfcli.executors.base import WHOLE, Earlier, LoadSettings, Schedule, Share
from perfcli.executors.iterations import PerVuIterations, SharedIterations
from perfcli.executors.vus import ConstantVus, RampingVus

Load = Annotated[
    SharedIterations | PerVuIterations | ConstantVus | RampingVus | ConstantArrivalRate | RampingArrivalRate,
    Field(discriminator="executor"),
]
"""The load of a scenario: the settings of one executor, told apart by the key `executor`."""

LOAD_MODELS: Final[dict[str, type[LoadSettings]]] = {
    "shared-iterations": SharedIterations,
    "per-vu-iterations": PerVuIterations,
    "constant-vus": ConstantVus,
    "ramping-vus": RampingVus,
    "constant-arrival-rate": ConstantArrivalRate,
    "ramping-arrival-rate": RampingArrivalRate,
}
EXECUTORS: Final = tuple(LOAD_MODELS)

__all__ = [
    "EXECUTORS",
    "LOAD_MODELS",
    "WHOLE",
    "ConstantArrivalRate",
    "ConstantVus",
    "Earlier",
    "Load",
    "LoadSettings",
    "PerVuIterations",
    "RampingArrivalRate",
    "RampingVus",
    "Schedule",
    "Share",
    "SharedIterations",
]
