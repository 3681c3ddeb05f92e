"""Which target a scenario drives, what can be known of it, and whose pets its users act on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perfcli.errors import name_to_use
from perfcli.executors.fields import with_tag
from perfcli.executors.one_of import OneOf
from perfcli.figures import Metric, Needs
from perfcli.operations.base import IN_PROCESS
from perfcli.scenario.problems import KeyPath

_WHY_NOT: Final = {
    Needs.ENGINE: "the engine runs inside the server, where it cannot be inspected",
    Needs.CACHE: "no tool reports how many pets are in the engine's cache, or clears it",
    Needs.FIELDS: "the tools answer in prose, which cannot be compared field by field",
    Needs.CONNECTIONS: "the engine is not reached over HTTP: write target: {mcp: {transport: http}}",
}
_ONLY_ANSWERS: Final = "for a server that already runs, only the answers are known"


class TargetSettings(BaseModel):
    """What any target can be told, and its capabilities: what all other code asks it for."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    restartable: ClassVar[bool] = False
    """Whether a new process can open the database, and answer about pets field by field."""
    clears_cache: ClassVar[bool] = False
    """Whether the engine's cache can be counted and cleared."""
    preloadable: ClassVar[str] = ""
    """The module, without an engine in it, whose import would take most of an engine process's start."""

    @property
    def name(self) -> str:
        """The name that scenario files know it by."""
        name: str = self.target  # type: ignore[attr-defined]
        return name

    @property
    def in_process(self) -> bool:
        """Whether each process of the pool holds an engine, which can be looked into from within."""
        return IN_PROCESS[self.name]

    @property
    def watchable(self) -> bool:
        """Whether each run has an engine of its own, to set up, to watch, and to look into the database of."""
        return not self.running_at

    @property
    def running_at(self) -> str:
        """The URL of a server that runs already; empty if the run starts its engine."""
        return ""

    @property
    def lacks(self) -> Mapping[Needs, str]:
        """What metrics may need and it does not offer, and why."""
        offers = {
            Needs.ENGINE: self.in_process,
            Needs.CACHE: self.clears_cache,
            Needs.FIELDS: self.restartable,
            Needs.PROCESS: self.watchable,
            Needs.DATABASE: self.watchable,
            # over stdio there is one pipe for all
            Needs.CONNECTIONS: self.shareable,
        }
        unseen = {} if self.watchable else dict.fromkeys((Needs.PROCESS, Needs.DATABASE, Needs.CACHE), _ONLY_ANSWERS)
        return {need: (_WHY_NOT | unseen)[need] for need, is_offered in offers.items() if not is_offered}

    @property
    def why_not_shared(self) -> str:
        """Why processes that have no engine of their own cannot load it, and what to do; "" if they can."""
        return ""

    @property
    def shareable(self) -> bool:
        """Whether processes that have no engine of their own can load it, also from other machines."""
        return not self.why_not_shared

    @property
    def useless_keys(self) -> Sequence[KeyPath]:
        """The keys of a scenario that have no meaning for it."""
        return ()

    @property
    def why_useless(self) -> str:
        """What to say of these keys."""
        return ""

    def why_not(self, metric: Metric) -> str:
        """Why a metric cannot be measured on it; "" if it can."""
        return self.lacks.get(metric.needs, "")

    def describe(self) -> str:
        """What is driven, in a few words; nothing for the engine in the agent's own process."""
        return ""


class EmbeddedSettings(TargetSettings):
    """The engine in process."""

    restartable: ClassVar[bool] = True
    clears_cache: ClassVar[bool] = True

    target: Literal["embedded"] = "embedded"

    @property
    def why_not_shared(self) -> str:
        """SQLite's WAL is shared memory, so the database belongs to one machine."""
        return (
            "an embedded engine cannot be split: its SQLite database belongs to one machine; spread whole scenarios "
            "with `digipal-perf run --cluster ADDRESS`, or write target: {mcp: {transport: http}}"
        )


def _written_url(value: object) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected a URL such as http://127.0.0.1:8000/mcp, not {value!r:.60}")
    if parts.username or parts.password:
        raise ValueError("a URL in a file must hold no password: set DIGIPAL_MCP_TOKEN in the environment")
    return str(value)


class McpSettings(TargetSettings):
    """The engine behind its MCP server: one that the run starts, or one that runs already."""

    preloadable: ClassVar[str] = "perfcli.targets.mcp"

    target: Literal["mcp"] = "mcp"
    transport: Literal["stdio", "http"] = Field(
        default="stdio", description="transport of the server that the run starts"
    )
    url: Annotated[str | None, BeforeValidator(_written_url)] = Field(
        default=None, description="URL of a running server, to use instead"
    )

    @property
    def running_at(self) -> str:
        """The URL in the file."""
        return self.url or ""

    @property
    def why_not_shared(self) -> str:
        """Over stdio a server has one client."""
        if self.url or self.transport == "http":
            return ""
        return "a server over stdio has one client: write target: {mcp: {transport: http}}"

    @property
    def useless_keys(self) -> Sequence[KeyPath]:
        """Over stdio the pool; of a server that runs already, what its start needs."""
        if self.watchable:
            return () if self.shareable else (("pool",),)
        return (("engine",), ("pool", "server"), ("target", "mcp", "transport"))

    @property
    def why_useless(self) -> str:
        """Why several processes are of no use, or what starts an engine."""
        if self.watchable:
            return f"does not go with target mcp: {self.why_not_shared}"
        return "does not go with the url of a server that runs already: remove it"

    def describe(self) -> str:
        """The server and the way to it."""
        return f"the MCP server at {self.url}" if self.url else f"through MCP over {self.transport}"


_AnyTarget = EmbeddedSettings | McpSettings
"""The registry of targets; `perfcli.targets` holds what each name stands for."""

DEFAULT_TARGET: Final = EmbeddedSettings()

TARGET_MODELS: Final[dict[str, type[TargetSettings]]] = {
    model.model_fields["target"].default: model for model in get_args(_AnyTarget)
}


def _spread(target: Any) -> Any:
    """`mcp`, `{mcp: {transport: http}}` and `{target: mcp, transport: http}` as the models read them."""
    if isinstance(target, str):
        return {"target": target}
    if not isinstance(target, dict) or "target" in target:
        return target
    if len(target) != 1:
        raise ValueError("expected a target, with or without settings, e.g. mcp: {transport: http}")
    name, settings = next(iter(target.items()))
    if not isinstance(settings, dict | None):
        raise ValueError(f"{name}: expected settings such as {{transport: http}}, not {settings!r:.60}")
    return with_tag("target", name, settings or {})


Target = Annotated[_AnyTarget, OneOf("target", lambda: TARGET_MODELS), BeforeValidator(_spread)]


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
        raise ValueError(f"unknown value {value!r:.60}{name_to_use([value], [*_WORDS, '{zipf: 1.1}'])}")
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(
            f"selects the pet of each iteration (own, uniform or {{zipf: 1.1}}), not the number of users: "
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
