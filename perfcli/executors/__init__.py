"""When iterations start: each executor with its settings, its limits and its schedule."""

from __future__ import annotations

from typing import Annotated, Final, get_args

from perfcli.executors.arrival_rates import ConstantArrivalRate, RampingArrivalRate
from perfcli.executors.base import WHOLE, Earlier, LoadSettings, Schedule, Share
from perfcli.executors.iterations import PerVuIterations, SharedIterations
from perfcli.executors.one_of import OneOf
from perfcli.executors.vus import ConstantVus, RampingVus

_AnyLoad = SharedIterations | PerVuIterations | ConstantVus | RampingVus | ConstantArrivalRate | RampingArrivalRate
Load = Annotated[_AnyLoad, OneOf("executor", lambda: LOAD_MODELS)]
"""The load of a scenario: the settings of one executor, told apart by the key `executor`."""

LOAD_MODELS: Final[dict[str, type[LoadSettings]]] = {
    get_args(model.model_fields["executor"].annotation)[0]: model for model in get_args(_AnyLoad)
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
