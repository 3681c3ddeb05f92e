"""Which target a scenario drives, and what can be known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perfcli.figures import Metric, Needs

_NO_TOOL: Final = {
    Needs.CACHE: "no tool reports how many pets are in the engine's cache, or clears it",
    Needs.FIELDS: "the tools answer in words for people, which cannot be compared field by field",
    Needs.ENGINE: "the engine lives in the server, out of sight",
}
_ONLY_ANSWERS: Final = _NO_TOOL | dict.fromkeys(
    (Needs.PROCESS, Needs.DATABASE, Needs.CACHE), "of a server that runs already, only the answers are seen"
)
"""What a target lacks, by what metrics need."""


class TargetSettings(BaseModel):
    """What any target can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    def name(self) -> str:
        """The name that scenario files know it by."""
        name: str = self.target  # type: ignore[attr-defined]
        return name

    @property
    def starts_engine(self) -> bool:
        """Whether each run has an engine of its own, to set up, to watch, and to look into the database of."""
        return True

    @property
    def lacks(self) -> Mapping[Needs, str]:
        """What metrics may need and it does not offer, and why."""
        return {}

    def why_not(self, metric: Metric) -> str:
        """Why a metric cannot be measured on it; "" if it can."""
        return self.lacks.get(metric.needs, "")

    def describe(self) -> str:
        """What is driven, in a few words; nothing for the engine in the agent's own process."""
        return ""


class EmbeddedSettings(TargetSettings):
    """The engine in process."""

    target: Literal["embedded"] = "embedded"


def _written_url(value: object) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected a URL such as http://127.0.0.1:8000/mcp, not {value!r:.60}")
    if parts.username or parts.password:
        raise ValueError("a file is no place for a password: put a token into the environment, as DIGIPAL_MCP_TOKEN")
    return str(value)


class McpSettings(TargetSettings):
    """The engine behind its MCP server: one that the run starts, or one that runs already."""

    target: Literal["mcp"] = "mcp"
    transport: Literal["stdio", "http"] = Field(default="stdio", description="how the server it starts is spoken to")
    url: Annotated[str | None, BeforeValidator(_written_url)] = Field(
        default=None, description="a server that runs already, to use instead"
    )

    @property
    def starts_engine(self) -> bool:
        """Unless there is a URL."""
        return not self.url

    @property
    def lacks(self) -> Mapping[Needs, str]:
        """What the tools do not report; with a server that runs already, all but its answers."""
        return _NO_TOOL if self.starts_engine else _ONLY_ANSWERS

    def describe(self) -> str:
        """The server and the way to it."""
        return f"the MCP server at {self.url}" if self.url else f"through MCP over {self.transport}"


TARGET_MODELS: Final[dict[str, type[TargetSettings]]] = {"embedded": EmbeddedSettings, "mcp": McpSettings}


def _spread(target: Any) -> Any:
    """`mcp`, `{mcp: {transport: http}}` and `{target: mcp, transport: http}` as the models read them."""
    if isinstance(target, str):
        return {"target": target}
    if not isinstance(target, dict) or "target" in target:
        return target
    if len(target) != 1:
        raise ValueError("a target is its name, alone or with its settings: mcp: {transport: http}")
    name, settings = next(iter(target.items()))
    if not isinstance(settings, dict | None):
        raise ValueError(f"{name}: expected settings such as {{transport: http}}, not {settings!r:.60}")
    return {**(settings or {}), "target": name}


Target = Annotated[EmbeddedSettings | McpSettings, Field(discriminator="target"), BeforeValidator(_spread)]
