"""What a search for capacity found, as its JSON holds it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from perfcli.errors import ExitCode
from perfcli.results import Variation, titled
from perfcli.results.observed import MachineResult, Record

Of = Literal["rate", "vus"]


class ProbeVerdict(StrEnum):
    """What a run says of its load."""

    HOLDS = "holds"
    FAILS = "fails"
    STARVED = "starved"
    """Other processes took the CPU: it says nothing."""
    WRONG = "wrong"
    """The engine lost data or answered wrongly, at whatever load."""
    INVALID = "invalid"
    ERROR = "error"
    INTERRUPTED = "interrupted"


class ProbeResult(Record):
    """A run at a load."""

    load: float = Field(description="iterations per second, or vus")
    verdict: ProbeVerdict = Field(description="outcome at this load")
    reason: str = Field(default="", description="why it fails; if it holds, the nearest limit")
    threshold: str = Field(default="", description="the threshold that failed, or whose limit is nearest")
    of_limit: dict[str, float] = Field(default={}, description="by threshold: what was observed over its limit")
    length_ns: int = Field(description="planned length of its load")
    seed: int = Field(description="repeats its operations")
    service_p50_ns: float | None = Field(default=None, description="median time of an operation from its actual start")
    latency_p99_ns: float | None = Field(default=None, description="from the intended start")
    iterations_per_s: float = Field(default=0.0, description="iterations that were done")
    cpu_mean: float | None = Field(default=None, description="CPU time of the engine over elapsed time")
    bound_by: str = Field(default="", description="what limits it: CPU, the AI, SQLite's writer, the load generator")
    not_judged: list[str] = Field(default=[], description="thresholds that a run of this length cannot judge")


class LoadEnd(Record):
    """An end of the bracket."""

    load: float = Field(description="iterations per second, or vus")
    held: int = Field(description="runs in which every threshold held")
    runs: int = Field(description="runs at this load")
    words: str = Field(default="", description="nearest limit, or the threshold that fails most often")


class Edge(Record):
    """How the limit that fails most is crossed between both ends."""

    kind: Literal["cliff", "smooth"] = Field(
        description="cliff: from the load that holds to the load that fails, the figure moves by the limit, or by "
        "half of a lower limit"
    )
    threshold: str = Field(description="the threshold")
    at_holds: float = Field(description="the figure over its limit at the load that holds: median of its runs")
    at_fails: float = Field(description="the same at the load that fails")


class CapacityResult(Record):
    """The largest load at which a scenario's thresholds hold."""

    kind: Literal["capacity"] = Field(default="capacity", description="identifies the kind of file")
    scenario: str = Field(description="the scenario's name")
    variation: Variation = Field(default={}, description="each key that `--sweep` varies, with its value here")
    of: Of = Field(description="what is raised: the rate of iterations, or the number of vus")
    outcome: Literal["found", "never", "always", "unfinished", "generator", "wrong", "invalid", "error"] = Field(
        description="never: fails at every load tried; always: holds at the highest one; generator: the load "
        "generator is the limit; wrong: the engine lost data or answered wrongly"
    )
    reason: str = Field(default="", description="why none of never, always and generator applies")
    interrupted: str = Field(default="", description="signal that interrupted it; empty if none did")
    out_of_time: bool = Field(default=False, description="whether --max-time ended the search")
    thresholds: int = Field(description="how many must hold")
    left_out: list[str] = Field(default=[], description="thresholds on how much is done, which each probe sets itself")
    precision: float = Field(description="as a fraction")
    holds: LoadEnd | None = Field(default=None, description="the highest load that holds")
    fails: LoadEnd | None = Field(default=None, description="the lowest load that fails")
    half: float | None = Field(default=None, description="load at which half of the runs hold")
    scale: float | None = Field(default=None, description="of the logistic curve, over the logarithm of the load")
    lower: float | None = Field(default=None, description="lower end of its 90% interval; null: no bound")
    upper: float | None = Field(default=None, description="upper end of its 90% interval; null: no bound")
    safe: float | None = Field(default=None, description="9 of 10 runs hold at this load")
    knee: float | None = Field(default=None, description="median service time is 1.5 times that of the lowest load")
    edge: Edge | None = Field(default=None, description="how the limit is crossed; null without both ends")
    bound_by: str = Field(default="", description="what limits the engine at the load that holds; empty: not known")
    drift_per_run: float | None = Field(default=None, description="how the half-point moves with each run, if it does")
    holds_again: LoadEnd | None = Field(default=None, description="a load above one that fails, which holds")
    at_least: float | None = Field(default=None, description="the load that the scenario asks for")
    seed: int = Field(description="repeat the search with --seed")
    started_at: str = Field(description="when the first run began: UTC, ISO 8601")
    seconds: float = Field(description="how long it took")
    engine: str = Field(default="", description="the engine loaded")
    engine_version: str = Field(default="", description="digest of its sources")
    commit: str = Field(default="", description="hash of the commit that holds these sources")
    engine_modified: bool = Field(default=False, description="whether the sources differ from the commit around them")
    usable_cpus: float | None = Field(default=None, description="CPUs that a run could keep busy")
    machines: list[MachineResult] = Field(
        default=[], description="the machines of a cluster that the runs took place on; empty without `--cluster`"
    )
    probes: list[ProbeResult] = Field(default=[], description="every run, in order")

    @property
    def title(self) -> str:
        """The scenario's name, in a sweep with its variation."""
        return titled(self.scenario, self.variation)

    @property
    def is_open(self) -> bool:
        """Whether it ended before it knew a load that holds and one that fails."""
        return self.outcome == "unfinished" and (self.holds is None or self.fails is None)

    @property
    def meets(self) -> bool | None:
        """Whether the load that is asked for is reached; None if that is not known, or nothing is asked."""
        if self.at_least is None:
            return None
        if self.outcome == "always" and self.holds and self.holds.load >= self.at_least:
            return True
        if self.upper is not None and self.upper < self.at_least:
            return False
        return True if self.lower is not None and self.lower >= self.at_least else None

    def exit_code(self, *, strict: bool) -> ExitCode:
        """That of the answer, or of what is asked for.

        Args:
            strict: whether an answer that does not tell fails too.
        """
        if self.outcome == "error":
            return ExitCode.INTERNAL
        if self.outcome == "wrong":
            return ExitCode.THRESHOLD_FAILED
        if self.outcome in ("invalid", "generator") or self.is_open:
            return ExitCode.INVALID
        if self.at_least is None:
            return ExitCode.THRESHOLD_FAILED if self.outcome == "never" else ExitCode.PASS
        if self.meets is False or self.outcome == "never":
            return ExitCode.THRESHOLD_FAILED
        return ExitCode.REGRESSION if strict and self.meets is None else ExitCode.PASS
