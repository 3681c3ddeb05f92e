"""A scenario as its file writes it: every key, its meaning, its default and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from perfcli import units
from perfcli.executors import Load
from perfcli.executors.fields import DurationText, PercentageText, kind
from perfcli.faults import DEFAULT_STEADY_STATE, Fault
from perfcli.operations import Step
from perfcli.operations.base import NAME_PATTERN
from perfcli.operations.own.declared import OperationFile
from perfcli.operations.own.step import knowing, known_operations
from perfcli.scenario.pool_settings import Pool
from perfcli.scenario.problems import shown
from perfcli.scenario.target import DEFAULT_TARGET, OWN, Target, Users
from perfcli.thresholds import Threshold, parse_threshold

if TYPE_CHECKING:
    from perfcli.results import OperationSource, UnjudgedRun

MOST_PETS: Final = 1_000_000
MOST_PHASES: Final = 100
MOST_STEPS: Final = 500
MOST_THRESHOLDS: Final = 500
MOST_FAULTS: Final = 100
FROM_FILE: Final = "from a file"
"""The context to validate in what somebody wrote."""
OWN_EXIT_CODES: Final = (10, 125)
"""The exit codes that thresholds may have: those below are the tool's, those above the shell's and the signals'."""


class _Section(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)


def _not_empty(value: Any, info: ValidationInfo) -> Any:
    if info.context == FROM_FILE and not value:
        raise PydanticCustomError("too_short", "", {"min_length": 1})
    return value


NotEmpty: Final = AfterValidator(_not_empty)
"""What a file writes must hold something; results also hold what no file wrote."""


def _parsed_threshold(value: object) -> Threshold:
    if isinstance(value, Threshold):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected a threshold such as 'latency.p99 < 100ms', not {shown(value)}")
    return parse_threshold(value, known_operations().counters)


class _AsText:
    """Reads a threshold from its text, and writes it as that; what a metric consists of is none of pydantic's."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.plain_serializer_function_ser_schema(lambda threshold: threshold.text)
        return core_schema.no_info_plain_validator_function(_parsed_threshold, serialization=text)


Expression = Annotated[Threshold, _AsText, kind("Expression")]


class SimulatedAi(_Section):
    """The AI in the engine's place of a language model: it answers by rule, after a seeded delay."""

    latency: DurationText = Field(default="50ms", description="mean time of an answer")
    jitter: DurationText = Field(default="0ms", description="standard deviation of that time")
    error_rate: PercentageText = Field(default="0%", description="share of answers that fail")


class Engine(_Section):
    """How the engine is set up."""

    ai: SimulatedAi = Field(default=SimulatedAi(), description="the AI, which answers by rule after a delay")


class Setup(_Section):
    """What exists before the load starts."""

    pets: int = Field(default=0, ge=0, le=MOST_PETS, description="number of users, each with a hatched pet")


class Growth(_Section):
    """What the cost of operations is held against, to see whether it grows with it."""

    over: Literal["pets", "interactions"] = Field(description="the pets stored, or the interactions of a pet")


def _written_load(value: object) -> str:
    text = str(value).strip() if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    try:
        load = units.parse_rate_per_s(text) if "/" in text else units.parse_count(text)
    except units.UnitError:
        load = 0
    if load <= 0:
        raise units.UnitError(
            f"{value!r:.60} is not a load: write a rate of iterations (800/s) or a number of vus (16)"
        )
    return text


CapacityLoad = Annotated[str, BeforeValidator(_written_load), kind("CapacityLoad")]
"""A rate or a number of vus, as it was written."""


class Capacity(_Section):
    """What `digipal-perf capacity` looks for, and what it must find."""

    of: Literal["rate", "vus"] | None = Field(
        default=None, description="what to raise; rate for an arrival rate, else vus"
    )
    at_least: CapacityLoad | None = Field(default=None, description="fail (exit code 3) if less load holds")
    from_: CapacityLoad | None = Field(default=None, alias="from", description="first load to try")

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With the key `from`, as files have it; no attribute can be called so."""
        written: dict[str, Any] = handler(self)
        return {"from" if key == "from_" else key: value for key, value in written.items()}


class ThresholdRule(_Section):
    """A threshold with more to say than its expression."""

    expr: Expression = Field(description="what must hold, e.g. latency.p99 < 100ms")
    strict: bool = Field(default=True, description="false: report it, but do not count it")
    allow_thin: bool = Field(default=False, description="judge a percentile even with fewer than 10 samples beyond it")
    exit_code: int | None = Field(
        default=None, ge=OWN_EXIT_CODES[0], le=OWN_EXIT_CODES[1], description="exit code if it fails"
    )
    abort_on_fail: bool = Field(default=False, description="stop the load as soon as the threshold fails")
    delay_abort_eval: DurationText | None = Field(default=None, description="time before it is judged first")

    @property
    def threshold(self) -> Threshold:
        """The expression, parsed when the rule was validated."""
        return self.expr

    @property
    def delay_abort_eval_ns(self) -> int:
        """How long after measuring began it may stop the load, in nanoseconds."""
        return units.parse_duration_ns(self.delay_abort_eval) if self.delay_abort_eval else 0


def _each_once(rules: Sequence[ThresholdRule]) -> list[ThresholdRule]:
    """Rules of which no two ask the same; of settings that differ the stricter holds."""
    once: dict[tuple[object, ...], ThresholdRule] = {}
    for rule in rules:
        before = once.setdefault(rule.threshold.meaning, rule)
        if before is not rule:
            once[rule.threshold.meaning] = _stricter(before, rule)
    return list(once.values())


def _stricter(first: ThresholdRule, second: ThresholdRule) -> ThresholdRule:
    both = [rule for rule in (first, second) if rule.strict]
    aborting = [rule for rule in both if rule.abort_on_fail]
    soonest = min(aborting, key=lambda rule: rule.delay_abort_eval_ns, default=None)
    return first.model_copy(
        update={
            "strict": bool(both),
            "allow_thin": all(rule.allow_thin for rule in both or (first, second)),
            "exit_code": next((rule.exit_code for rule in both if rule.exit_code is not None), None),
            "abort_on_fail": soonest is not None,
            "delay_abort_eval": soonest.delay_abort_eval if soonest else None,
        }
    )


def _spread_threshold(value: Any) -> Any:
    return value if isinstance(value, (dict, BaseModel)) else {"expr": value}


Flow = Annotated[list[Step], NotEmpty]
Rules = list[Annotated[ThresholdRule, BeforeValidator(_spread_threshold)]]


OperationFiles = Annotated[list[OperationFile], WithJsonSchema({"type": "array", "items": {"type": "string"}})]


class Phase(_Section):
    """A part of the load: when, what and on whose pets, with thresholds of its own."""

    name: str = Field(pattern=NAME_PATTERN, description="name in tables and results")
    load: Load = Field(description="when iterations start, and how many")
    flow: Flow = Field(default=[], max_length=MOST_STEPS, description="the scenario's own by default")
    users: Users | None = Field(default=None, description="the scenario's own by default")
    growth: Growth | None = Field(default=None, description="the scenario's own by default")
    thresholds: Rules = Field(default=[], max_length=MOST_THRESHOLDS, description="what must hold in this phase")

    @property
    def judged_thresholds(self) -> list[ThresholdRule]:
        """Its thresholds, each once."""
        return _each_once(self.thresholds)

    @property
    def is_mix(self) -> bool:
        """Whether each iteration draws one step by weight, instead of doing all of them in order."""
        return self.flow[0].weight is not None

    @property
    def labels(self) -> list[str]:
        """The names operations are recorded under, in the order of the flow, each once."""
        return list(dict.fromkeys(step.label for step in self.flow if not step.is_pause))

    @property
    def names_when_run(self) -> list[str]:
        """The names of the phases it stands for: one for each number of vus."""
        return [f"{self.name}-{vus}" for vus in self.load.vus] if isinstance(self.load.vus, list) else [self.name]

    def spelt_out(self, **inherited: Any) -> list[Phase]:
        """The phases it stands for, each with a single number of vus; `inherited` is what it does not say itself."""
        own = {key: getattr(self, key) or value for key, value in inherited.items()}
        whole = self.model_copy(update=own)
        if not isinstance(self.load.vus, list):
            return [whole]
        return [
            whole.model_copy(update={"name": name, "load": self.load.model_copy(update={"vus": vus})})
            for name, vus in zip(self.names_when_run, self.load.vus, strict=True)
        ]


def _operation_files(scenario: Any) -> Sequence[OperationFile]:
    """Those in the data of a scenario; of data that cannot be read, which the field itself reports, none."""
    try:
        written = scenario.get("operations", ()) if isinstance(scenario, dict) else ()
        return [OperationFile.model_validate(file) for file in written] if isinstance(written, list) else ()
    except ValidationError:
        return ()


class Scenario(_Section):
    """One load test: what exists, what runs, when, and what must hold."""

    name: str = Field(pattern=NAME_PATTERN, description="name in tables, results and on the command line")
    description: str = Field(default="", max_length=1_000, description="one sentence on what it tests")
    tags: list[Annotated[str, Field(pattern=NAME_PATTERN)]] = Field(default=[], description="for --tag")
    extends: str = Field(
        default="", description="scenario to take all other keys from: a shipped one's name, or a file"
    )
    operations: OperationFiles = Field(default=[], description="Python files with your own operations, or modules")
    vars: dict[str, str | int | float | bool] = Field(
        default={}, description="variables to use as ${name} in any value"
    )
    target: Target = Field(default=DEFAULT_TARGET, description="what to load: embedded, or an MCP server")
    engine: Engine = Field(default=Engine(), description="settings of the engine")
    setup: Setup = Field(default=Setup(), description="what exists before the load")
    pool: Pool = Field(default=Pool(), description="where the vus run")
    load: Annotated[Load | None, NotEmpty] = Field(
        default=None, description="when iterations start, and how many; instead of phases"
    )
    phases: Annotated[list[Phase], NotEmpty] = Field(
        default=[], max_length=MOST_PHASES, description="several parts, each with its own load"
    )
    users: Users = Field(default=OWN, description="whose pet each iteration uses")
    flow: Flow = Field(default=[], max_length=MOST_STEPS, description="steps of an iteration")
    growth: Growth | None = Field(default=None, description="size to relate the cost of operations to")
    steady_state: list[Expression] = Field(
        default=[],
        max_length=MOST_THRESHOLDS,
        description="what must hold without a fault; success_rate >= 99% by default",
    )
    faults: list[Fault] = Field(default=[], max_length=MOST_FAULTS, description="faults to inflict, and when")
    thresholds: Rules = Field(default=[], max_length=MOST_THRESHOLDS, description="what must hold")
    capacity: Capacity | None = Field(default=None, description="what `digipal-perf capacity` must find")

    @model_validator(mode="wrap")
    @classmethod
    def _by_its_operations(cls, value: Any, handler: ModelWrapValidatorHandler[Scenario]) -> Scenario:
        """Steps and thresholds are understood by the own operations of the scenario."""
        with knowing(_operation_files(value)):
            return handler(value)

    @property
    def steady_limits(self) -> Sequence[Threshold]:
        """What a load keeps that is well."""
        return self.steady_state or [parse_threshold(DEFAULT_STEADY_STATE)]

    @property
    def judged_thresholds(self) -> list[ThresholdRule]:
        """The thresholds of the whole load, each once."""
        return _each_once(self.thresholds)

    @property
    def phases_to_run(self) -> list[Phase]:
        """What runs, each with its flow and users and a single number of vus; a plain `load` is the phase "load"."""
        load: Any = self.load  # there is one if there are no phases
        written = self.phases or [Phase.model_construct(name="load", load=load)]
        return [
            each for phase in written for each in phase.spelt_out(flow=self.flow, users=self.users, growth=self.growth)
        ]

    @property
    def labels(self) -> list[str]:
        """The names operations are recorded under in any phase, in the order of the file, each once."""
        return list(dict.fromkeys(label for phase in self.phases_to_run for label in phase.labels))

    @property
    def operation_sources(self) -> list[OperationSource]:
        """What a result holds of its own operations."""
        from perfcli.results import OperationSource

        return [
            OperationSource(
                file=file.shown,
                digest=file.digest,
                operations=[operation.model_dump(mode="json") for operation in file.operations],
            )
            for file in self.operations
        ]

    @classmethod
    def of_result(cls, run: UnjudgedRun) -> Scenario:
        """The scenario of a result, with what its own operations declare; their sources are not kept.

        Raises:
            ValidationError: another version wrote it.
        """
        declared = [
            {"shown": each.file, "path": "", "digest": each.digest, "source": "", "operations": each.operations}
            for each in run.operation_files
        ]
        return cls.model_validate({**run.scenario, "operations": declared})

    def as_document(self) -> dict[str, Any]:
        """Plain data for a result: with the names of the files of own operations, without their sources.

        Runs are comparable whatever cluster they used, so its address is left out.
        """
        names = [file.shown for file in self.operations]
        left_out = {"cluster"} if self.pool.cluster else {"cluster", "machines", "server"}
        return {**self.model_dump(mode="json", exclude={"operations": True, "pool": left_out}), "operations": names}

    @property
    def serves_others(self) -> bool:
        """Whether one more process has the engine's server, which those of the pool load."""
        is_split = self.pool.processes > 1 or bool(self.pool.cluster)
        return is_split and self.target.watchable and self.target.shareable and not self.target.in_process

    @property
    def engine_processes(self) -> int:
        """How many processes have an engine, each on the one database; a server is one, whoever loads it."""
        return self.pool.processes if self.target.in_process else 1

    @property
    def waits_for_ai(self) -> frozenset[str]:
        """The labels of operations that the simulated AI answers after a delay."""
        if not units.parse_duration_ns(self.engine.ai.latency):
            return frozenset()
        return frozenset(step.label for phase in self.phases_to_run for step in phase.flow if step.waits_for_ai)

    def asks_for(self, metric_name: str) -> bool:
        """Whether a threshold, of the whole or of a phase, names the metric; what nobody asks for need not be found."""
        rules = [*self.thresholds, *(rule for phase in self.phases for rule in phase.thresholds)]
        return any(rule.threshold.metric.name == metric_name for rule in rules)
