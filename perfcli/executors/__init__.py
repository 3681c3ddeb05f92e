"""When iterations start: one file per executor, with its settings, its limits and its schedule."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from perfcli.executors.base import WHOLE, Earlier, LoadSettings, Schedule, Share
from perfcli.executors.constant_arrival_rate import ConstantArrivalRate
from perfcli.executors.constant_vus import ConstantVus
from perfcli.executors.per_vu_iterations import PerVuIterations
from perfcli.executors.ramping_arrival_rate import RampingArrivalRate
from perfcli.executors.ramping_vus import RampingVus
from perfcli.executors.shared_iterations import SharedIterations

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
