"""A scenario as its file writes it: every key, its meaning, its default and its limits."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from perfcli import units
from perfcli.executors import Load
from perfcli.executors.base import DurationText
from perfcli.scenario.operation import NAME_PATTERN
from perfcli.scenario.steps import Sleep, Step
from perfcli.scenario.target import EmbeddedSettings, Target
from perfcli.thresholds import Threshold, parse_threshold

MOST_PETS: Final = 1_000_000


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _written_percentage(value: object) -> str:
    fraction = units.parse_fraction(value)
    if not 0 <= fraction <= 1:
        raise units.UnitError(f"{value!r} is not between 0% and 100%")
    return str(value).strip()


def _written_threshold(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a threshold such as 'latency.p99 < 100ms', not {value!r:.60}")
    parse_threshold(value)
    return value.strip()


ThresholdText = Annotated[str, BeforeValidator(_written_threshold)]


class SimulatedAi(_Section):
    """The AI in the engine's place of a language model: it answers by rule, after a seeded delay."""

    latency: DurationText = Field(default="50ms", description="mean time of an answer")
    jitter: DurationText = Field(default="0ms", description="standard deviation of that time")
    error_rate: Annotated[str, BeforeValidator(_written_percentage)] = Field(
        default="0%", description="share of answers that fail"
    )


class Engine(_Section):
    """How the engine is set up."""

    ai: SimulatedAi = SimulatedAi()


class Setup(_Section):
    """What exists before the load starts."""

    pets: int = Field(default=0, ge=0, le=MOST_PETS, description="users with a hatched pet each")


class ThresholdRule(_Section):
    """A threshold with more to say than its expression."""

    expr: ThresholdText
    abort_on_fail: bool = Field(default=False, description="stop the load as soon as the threshold fails")

    @field_validator("abort_on_fail")
    @classmethod
    def _can_be_judged_early(cls, abort: bool, seen: ValidationInfo) -> bool:
        threshold = parse_threshold(seen.data["expr"]) if abort and "expr" in seen.data else None
        if threshold and threshold.metric.name in ("iterations", "duration") and threshold.op not in ("<", "<="):
            name = threshold.metric.name
            raise ValueError(f"{name} begins at 0: this limit would end the load at once; judge it at the end")
        return abort


def _spread_threshold(value: Any) -> Any:
    return value if isinstance(value, (dict, BaseModel)) else {"expr": value}


class Scenario(_Section):
    """One load test: what exists, what runs, when, and what must hold."""

    name: str = Field(pattern=NAME_PATTERN, description="name in tables, results and on the command line")
    description: str = Field(default="", max_length=1_000)
    tags: list[Annotated[str, Field(pattern=NAME_PATTERN)]] = Field(default=[], description="for --tag")
    target: Target = Field(default=EmbeddedSettings(), description="what is driven")
    engine: Engine = Engine()
    setup: Setup = Setup()
    load: Load
    users: Literal["own", "uniform"] = Field(
        default="own", description="whose pet an iteration acts on: the vu's own ones in turn, or any at random"
    )
    flow: list[Step] = Field(min_length=1, max_length=500)
    thresholds: list[Annotated[ThresholdRule, BeforeValidator(_spread_threshold)]] = Field(default=[], max_length=500)

    @property
    def is_mix(self) -> bool:
        """Whether each iteration draws one step by weight, instead of doing all of them in order."""
        return self.flow[0].weight is not None

    @property
    def labels(self) -> list[str]:
        """The names operations are recorded under, in the order of the flow, each once."""
        return list(dict.fromkeys(step.label for step in self.flow if not isinstance(step, Sleep)))

    def parsed_thresholds(self) -> list[Threshold]:
        """The thresholds, ready to be judged, in the order of the file."""
        return [parse_threshold(rule.expr) for rule in self.thresholds]
