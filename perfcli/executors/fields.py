"""The fields that loads share: durations and rates as scenario files write them, and the stages of a ramp."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails

from perfcli import units
from perfcli.units import parse_duration_ns

_UNITS_NS: Final = {
    "h": 3_600 * units.NS_PER_S,
    "m": 60 * units.NS_PER_S,
    "s": units.NS_PER_S,
    "ms": 10**6,
    "us": 10**3,
}


def kind(name: str) -> WithJsonSchema:
    """Marks a text as one of the kinds that the JSON Schema of scenario files defines by `name`."""
    return WithJsonSchema({"type": "string", "x-kind": name})


def with_tag(tag: str, name: str, settings: Mapping[Any, Any]) -> dict[Any, Any]:
    """The settings that a file has below a name, as a union reads them that tells its models apart by a tag.

    Raises:
        ValidationError: the settings hold that tag, as a key that the name does not have.
    """
    if tag in settings:
        mistake = InitErrorDetails(type="extra_forbidden", loc=(name, tag), input=settings[tag])
        raise ValidationError.from_exception_data(name, [mistake])
    return {**settings, tag: name}


def _parsing(
    parse: Callable[[object], float], fits: Callable[[float], bool] = lambda value: True, unfit: str = ""
) -> BeforeValidator:
    """Keeps a text as it was written, less the space around it, if it parses and its value fits."""

    def written(value: object) -> str:
        if not fits(parse(value)):
            raise units.UnitError(f"{value!r:.60} {unfit}")
        return str(value).strip()

    return BeforeValidator(written)


DurationText = Annotated[str, _parsing(parse_duration_ns), kind("Duration")]
"""A duration kept as it was written ("50ms"), known to parse."""

PositiveDurationText = Annotated[
    str, _parsing(parse_duration_ns, bool, "is not a duration above 0: write e.g. 500ms"), kind("PositiveDuration")
]
"""The same, and more than 0."""


def jump_ns(text: object) -> int:
    """Nanoseconds in "1h", "+1h" or "-5m"."""
    written = text.strip() if isinstance(text, str) else text
    if isinstance(written, str) and written[:1] in ("+", "-"):
        return int(f"{written[0]}1") * parse_duration_ns(written[1:])
    return parse_duration_ns(written)


JumpText = Annotated[str, _parsing(jump_ns, bool, "moves nothing: write e.g. 1h or -5m"), kind("Jump")]
"""A duration with a sign, kept as it was written ("1h", "-5m"), known to parse; not 0."""


PercentageText = Annotated[
    str,
    _parsing(units.parse_fraction, lambda share: 0 <= share <= 1, "is not between 0% and 100%"),
    kind("Percentage"),
]
"""A share kept as it was written ("5%"), known to parse."""


def duration_text(duration_ns: int) -> str:
    """A duration as a person would write it, exact: "90s", "1500ms", "2h"."""
    unit, size_ns = next(((unit, ns) for unit, ns in _UNITS_NS.items() if duration_ns % ns == 0), ("ns", 1))
    return f"{duration_ns // size_ns}{unit}"


_S_PER_H: Final = 3_600


def exact_rate_per_s(text: str) -> Fraction:
    """The rate that was written, to 15 digits an hour, as an exact number of events per second.

    "0.1/s" is 1/10 and "7/m" is 7/60, which no float is: with one, arrivals that share an instant with the end of a
    stage would fall to either side of it.
    """
    return Fraction(f"{units.parse_rate_per_s(text) * _S_PER_H:.15g}") / _S_PER_H


_NOT_NEGATIVE: Final = _parsing(units.parse_rate_per_s, lambda rate: rate >= 0, "is negative: write 0/s or more")

RateText = Annotated[str, _NOT_NEGATIVE, kind("Rate")]
"""A rate kept as it was written ("100/s"), known to parse, 0 or more."""

PositiveRateText = Annotated[
    str,
    _parsing(lambda text: exact_rate_per_s(str(text)), bool, "is not a rate above 0/s: write e.g. 50/s"),
    _NOT_NEGATIVE,
    kind("PositiveRate"),
]
"""The same, and more than 0."""


_MOST_STAGES: Final = 100
_MOST_SHOWN: Final = 8


class Stage(BaseModel):
    """What stages of any ramp share."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    duration: DurationText = Field(description="how long the ramp takes; 0s jumps at once")

    @property
    def duration_ns(self) -> int:
        """How long the stage takes, in nanoseconds."""
        return parse_duration_ns(self.duration)


AnyStage = TypeVar("AnyStage", bound=Stage)


def total_ns(stages: Sequence[Stage]) -> int:
    """How long stages take, one after another, in nanoseconds."""
    return sum(stage.duration_ns for stage in stages)


def _take_time(stages: list[AnyStage]) -> list[AnyStage]:
    if total_ns(stages) == 0:
        raise ValueError("all stages last 0s: give one a duration above 0")
    return stages


Stages = Annotated[list[AnyStage], Field(min_length=1, max_length=_MOST_STAGES), AfterValidator(_take_time)]
"""Stages that follow one another, and take some time together."""


def path_text(levels: Sequence[object]) -> str:
    """The levels a ramp goes through, e.g. "1 → 20 → 0"; of many, the first and the last."""
    shown = list(map(str, levels))
    if len(shown) > _MOST_SHOWN:
        shown[_MOST_SHOWN - 2 : -1] = ["…"]
    return " → ".join(shown)
