"""Whose pet an iteration acts on."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perfcli.thresholds import did_you_mean

OWN: Final = "own"
UNIFORM: Final = "uniform"
_WORDS: Final = (OWN, UNIFORM)
_STEEPEST: Final = 10  # the second user would be chosen once in a thousand times


class Zipf(BaseModel):
    """The k-th user is chosen with a probability in proportion to 1 / k**zipf: a few are asked for most of the time."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    zipf: float = Field(gt=0, le=_STEEPEST, description="the exponent: more than 0, and 10 at most")


def _written_users(value: Any) -> Any:
    """`own`, `uniform` or `{zipf: 1.1}` as the models read it."""
    if isinstance(value, Zipf) or value in _WORDS:
        return value
    if isinstance(value, dict) and list(value) == ["zipf"]:
        return Zipf(zipf=_exponent(value["zipf"]))
    if isinstance(value, str):
        meant = did_you_mean([value], _WORDS) or f": use one of {', '.join(_WORDS)} or {{zipf: 1.1}}"
        raise ValueError(f"unknown value {value!r:.60}{meant}")
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(
            f"says whose pet an iteration acts on (own, uniform or {{zipf: 1.1}}), not how many users there are: "
            f"write load: {{executor: constant-vus, vus: {value}, duration: 30s}}"
        )
    raise ValueError("expected own, uniform or {zipf: 1.1}")


def _exponent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"zipf: expected a number such as 1.1, not {value!r:.60}")
    if not 0 < value <= _STEEPEST:
        raise ValueError(f"zipf: must be more than 0 and at most {_STEEPEST}, not {value!r:.60}")
    return float(value)


Users = Annotated[Literal["own", "uniform"] | Zipf, BeforeValidator(_written_users)]
