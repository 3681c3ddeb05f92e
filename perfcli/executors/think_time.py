"""How long a vu pauses after each iteration: not at all, always the same, by chance, or up to the next beat."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_serializer

from perfcli.errors import name_to_use
from perfcli.executors.fields import DurationText, PositiveDurationText
from perfcli.executors.one_of import OneOf
from perfcli.units import parse_duration_ns

PauseAfter = Callable[[int], int]
"""The pause in ns after an iteration that took so many ns."""

_FARTHEST_DRAW: Final = math.sqrt(2 * 53 * math.log(2))
"""In standard deviations: random() has 53 bits, so the logarithm of Box and Muller is no larger."""


class Thinking(BaseModel):
    """What any think time can tell."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    @property
    @abstractmethod
    def mean_ns(self) -> int:
        """The mean pause, after iterations that take no time, in nanoseconds."""

    @property
    def longest_ns(self) -> int:
        """No pause is longer, in nanoseconds."""
        return self.mean_ns

    @abstractmethod
    def describe(self) -> str:
        """The pause in a few words; nothing where there is none."""

    @abstractmethod
    def pause_after(self, random: Callable[[], float]) -> PauseAfter:
        """The pauses of one vu, which draws them by `random()`, uniform in 0..1 without 1."""


class ConstantThinking(Thinking):
    """Always the same pause."""

    kind: Literal["constant"] = "constant"
    pause: DurationText = Field(description="the pause")

    @model_serializer
    def _as_written(self) -> str:
        return self.pause

    @property
    def mean_ns(self) -> int:
        """The pause, in nanoseconds."""
        return parse_duration_ns(self.pause)

    def describe(self) -> str:
        """The pause in a few words; nothing where there is none."""
        return f"{self.pause} between iterations" if self.mean_ns else ""

    def pause_after(self, random: Callable[[], float]) -> PauseAfter:
        """The pauses of one vu."""
        pause_ns = self.mean_ns
        return lambda took_ns: pause_ns


def _ascending(limits: list[str]) -> list[str]:
    if parse_duration_ns(limits[0]) > parse_duration_ns(limits[1]):
        raise ValueError(f"{limits[0]} is longer than {limits[1]}: write the shorter pause first")
    return limits


class UniformThinking(Thinking):
    """Any pause between two, all equally likely."""

    kind: Literal["uniform"] = Field(default="uniform", exclude=True)
    uniform: Annotated[list[DurationText], Field(min_length=2, max_length=2), AfterValidator(_ascending)] = Field(
        description="the shortest and the longest pause"
    )

    @property
    def mean_ns(self) -> int:
        """The middle of the two, in nanoseconds."""
        return sum(map(parse_duration_ns, self.uniform)) // 2

    @property
    def longest_ns(self) -> int:
        """The longer of the two, in nanoseconds."""
        return parse_duration_ns(self.uniform[1])

    def describe(self) -> str:
        """The pause in a few words."""
        return f"{self.uniform[0]} to {self.uniform[1]} between iterations"

    def pause_after(self, random: Callable[[], float]) -> PauseAfter:
        """The pauses of one vu."""
        shortest_ns, longest_ns = map(parse_duration_ns, self.uniform)
        choices = longest_ns - shortest_ns + 1
        return lambda took_ns: shortest_ns + int(random() * choices)


class NormalSpread(BaseModel):
    """The settings of normal pauses."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    mean: DurationText = Field(description="mean pause")
    stddev: DurationText = Field(description="standard deviation of the pauses")


class NormalThinking(Thinking):
    """Pauses around a mean; those that would be less than nothing are nothing."""

    kind: Literal["normal"] = Field(default="normal", exclude=True)
    normal: NormalSpread = Field(description="mean and standard deviation of the pauses")

    @property
    def mean_ns(self) -> int:
        """The mean of what is drawn, in nanoseconds: more than `mean`, where many draws are cut at 0."""
        mean_ns, stddev_ns = parse_duration_ns(self.normal.mean), parse_duration_ns(self.normal.stddev)
        if stddev_ns == 0:
            return mean_ns
        place = mean_ns / stddev_ns
        share_above_0 = (1 + math.erf(place / math.sqrt(2))) / 2
        density_at_0 = math.exp(-place * place / 2) / math.sqrt(2 * math.pi)
        return round(mean_ns * share_above_0 + stddev_ns * density_at_0)

    @property
    def longest_ns(self) -> int:
        """The longest that can be drawn, in nanoseconds."""
        return math.ceil(parse_duration_ns(self.normal.mean) + _FARTHEST_DRAW * parse_duration_ns(self.normal.stddev))

    def describe(self) -> str:
        """The pause in a few words."""
        return f"{self.normal.mean} ± {self.normal.stddev} between iterations"

    def pause_after(self, random: Callable[[], float]) -> PauseAfter:
        """The pauses of one vu, drawn by the method of Box and Muller (1958)."""
        mean_ns, stddev_ns = parse_duration_ns(self.normal.mean), parse_duration_ns(self.normal.stddev)

        def pause_ns(took_ns: int) -> int:
            # 1 - random(), as there is no logarithm of 0
            distance = math.sqrt(-2 * math.log(1 - random()))
            return max(0, round(mean_ns + stddev_ns * distance * math.cos(2 * math.pi * random())))

        return pause_ns


class PacedThinking(Thinking):
    """Up to the next beat: iterations of a vu start at even distances, as long as they are shorter than that."""

    kind: Literal["paced"] = Field(default="paced", exclude=True)
    paced: PositiveDurationText = Field(description="from the start of one iteration to the start of the next")

    @property
    def mean_ns(self) -> int:
        """The distance, in nanoseconds."""
        return parse_duration_ns(self.paced)

    def describe(self) -> str:
        """The pause in a few words."""
        return f"an iteration of each vu every {self.paced}"

    def pause_after(self, random: Callable[[], float]) -> PauseAfter:
        """The pauses of one vu."""
        every_ns = self.mean_ns
        return lambda took_ns: max(0, every_ns - took_ns)


_EXAMPLES: Final = {
    "uniform": "{uniform: [1s, 3s]}",
    "normal": "{normal: {mean: 1s, stddev: 200ms}}",
    "paced": "{paced: 1s}",
}


_RANGE: Final = re.compile(r"\s*(\d\w*)\s*(?:-|\.\.|to|,)\s*(\d\w*)\s*")


def _spread(written: Any) -> Any:
    """A duration, or one of the other think times below its name, as the models read them."""
    if isinstance(written, BaseModel):
        return written
    if not isinstance(written, dict):
        if isinstance(written, str) and (limits := _RANGE.fullmatch(written)):
            raise ValueError(f"{written!r:.60} is no duration: write {{uniform: [{limits[1]}, {limits[2]}]}}")
        return {"kind": "constant", "pause": written}
    if len(written) != 1:
        raise ValueError(f"expected a duration, or one of {', '.join(_EXAMPLES.values())}")
    (kind,) = written
    if kind not in _EXAMPLES:
        raise ValueError(f"unknown think time {str(kind)!r:.60}{name_to_use([str(kind)], _EXAMPLES)}")
    return {**written, "kind": kind}


_AnyThinking = ConstantThinking | UniformThinking | NormalThinking | PacedThinking
_MODELS: Final = {model.model_fields["kind"].default: model for model in get_args(_AnyThinking)}

ThinkTime = Annotated[_AnyThinking, OneOf("kind", lambda: _MODELS), BeforeValidator(_spread)]
"""The think time of a load."""
