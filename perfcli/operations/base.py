"""What every operation has: the settings of a step, and the facts that the rest of the tool asks it for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from perfcli.executors.fields import PositiveDurationText
from perfcli.figures import METRICS
from perfcli.units import parse_duration_ns

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu, ToolVu
    from perfcli.operations.call import Call
    from perfcli.operations.own.declared import CounterUnit


IN_PROCESS: Final[Mapping[str, bool]] = {"embedded": True, "mcp": False}
"""The targets that steps are bound to; whether each offers the engine itself, or only the tools of its server."""


class Proof(Enum):
    """What a right answer to an interaction proves."""

    SUCCEEDED = auto()
    """It is stored, as a success."""
    STORED = auto()
    """It is stored, as a success or a refusal."""
    NOTHING = auto()
    """It may have been a refusal, which the engine need not store."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of one step; by default it stores nothing.

    The ledger, the growth of the dataset, the preparation of `ab`, the scripted engine and the rules ask these facts,
    never which operation it is.
    """

    creates_pet: bool = False
    """The step creates the pet of a user who had none, which later steps of the same iteration act on."""

    texts: Sequence[str] = ()
    """The `user_input` of the interaction that is stored with the pet, by choice; empty if none is stored."""

    proof: Callable[[int], Proof] = lambda choice: Proof.SUCCEEDED
    """What a right answer proves of that interaction, by choice."""

    gains: Callable[[int], Mapping[str, int]] | None = None
    """What it adds to the pet's growing attributes, by choice; None if it adds no known amount."""

    changes_attributes: bool = False
    """It changes the pet's attributes by amounts unknown: they prove nothing from then on."""

    saves_pet: bool = False
    """It saves the pet itself, with a save canary that tells which save was stored."""

    leaves_note: bool = False
    """The save canary is also stored as an interaction."""

    clears_history: bool = False
    """It deletes every interaction stored for the pet."""

    writes_fields: bool = False
    """It sets fields of the pet to values that only the run knows."""

    fields: Sequence[str] = ()
    """The names of these fields, as far as its source shows them."""

    may_do_anything: bool = False
    """It reaches for the engine in ways that only its author knows."""

    def adds(self, what: Literal["pets", "interactions"]) -> bool:
        """Whether it makes the dataset larger by one of these."""
        return self.creates_pet if what == "pets" else bool(self.texts)

    @property
    def is_write(self) -> bool:
        """Whether it leaves something to look for; what a clear must delete, another step has written."""
        return bool(self.creates_pet or self.texts or self.saves_pet or self.writes_fields)

    @property
    def is_always_checked(self) -> bool:
        """Whether what it writes is looked for even if vus share pets and change them through the engine."""
        if self.saves_pet:
            return self.leaves_note
        if self.texts:
            return any(self.proof(choice) is not Proof.NOTHING for choice in range(len(self.texts)))
        return self.is_write

    @property
    def changes_pet_through_engine(self) -> bool:
        """Whether the engine stores the pet it has in memory, over what others saved."""
        return bool(self.texts or self.clears_history or self.may_do_anything)

    @property
    def stores_whole_pet(self) -> bool:
        """Whether a pet is stored that an operation of the tool's own had in memory."""
        return bool(self.texts or self.clears_history or self.saves_pet)


NO_EFFECTS: Final = Effects()


Order = Annotated[Literal["in_order", "random"], Field(description="order of the values")]
MOST_CHOICES: Final = 10_000  # as many as a CSV file may have rows
NAME_PATTERN: Final = r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$"


def why_no_name(text: str) -> str:
    """Why a text cannot name a scenario, a phase, a step or a fault, and what could; "" if it can."""
    if re.fullmatch(NAME_PATTERN, text):
        return ""
    near = re.sub(r"[^a-zA-Z0-9_-]+", "_", text[:200]).strip("_")[:64]
    meant = f": write {near}" if re.fullmatch(NAME_PATTERN, near) else ""
    return f"{text!r:.60} is not a name (a letter, then letters, digits, _ and -, 64 at most){meant}"


def _no_metric(name: str) -> str:
    if name and (wrong := why_no_name(name)):
        raise ValueError(wrong)
    if name in METRICS:
        raise ValueError(f"{name!r} is the name of a metric: choose another name")
    return name


Label = Annotated[str, Field(max_length=64), AfterValidator(_no_metric)]
"""What thresholds and tables call a step or a fault; "" for the default."""


class StepSettings(BaseModel):
    """What any step can be told.

    An operation is a subclass in a file of its own. It declares the key `operation`, its settings, and those of the
    facts below that differ; nothing outside this room asks which operation a step is.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    targets: ClassVar[tuple[str, ...]] = ("embedded",)
    """The targets that offer it: for each of them it overrides `bind_…`."""
    right_when: ClassVar[str] = ""
    """Which answers count as right, as documents say it; empty for pauses."""
    needs_pet: ClassVar[bool] = True
    """Whether it acts on a pet that exists."""
    is_pause: ClassVar[bool] = False
    """Whether it only waits: never a call of the engine, never a sample."""
    waits_for_ai: ClassVar[bool] = False
    """Whether the simulated AI answers it, so that its time does not follow the machine's speed."""
    reads: ClassVar[bool] = False
    """Whether it reads a pet whose fields show which save they come from."""
    short_key: ClassVar[str] = ""
    """The setting that a value right behind the operation's name stands for, as in `sleep: 50ms`."""
    list_key: ClassVar[str] = ""
    """The list of words that people put right behind the name by mistake."""

    name: Label = Field(default="", description="name in tables and thresholds; the operation's name by default")
    weight: float | None = Field(
        default=None, gt=0, le=1e9, allow_inf_nan=False, description="weight in a mix; on every step or on none"
    )
    only_if: str = Field(default="", description="run only if this step succeeded in the same iteration")
    timeout: PositiveDurationText | None = Field(default=None, description="time limit of the operation")

    @property
    def timeout_ns(self) -> int | None:
        """How long the operation may take, in nanoseconds; None without a limit."""
        return parse_duration_ns(self.timeout) if self.timeout else None

    @property
    def label(self) -> str:
        """The name samples are recorded under."""
        operation: str = self.operation  # type: ignore[attr-defined]
        return self.name or operation

    @property
    def choices(self) -> int:
        """How many variants the step chooses from (texts, actions); 1 if there is nothing to choose."""
        return 1

    @property
    def counters(self) -> Mapping[str, CounterUnit]:
        """What it counts beside its times, by name, with units."""
        return {}

    @classmethod
    def why_not_on(cls, target: str) -> str:
        """Why it cannot run on a target; "" if it can."""
        if target in cls.targets:
            return ""
        return f"{cls.model_fields['operation'].default} needs target: {' or '.join(cls.targets)}, not {target}"

    @property
    def picks_at_random(self) -> bool:
        """Whether the variant is drawn at random instead of taken in order."""
        return getattr(self, "order", "in_order") == "random"

    @property
    def effects(self) -> Effects:
        """What a right answer must leave in the database."""
        return NO_EFFECTS

    @property
    def reads_database(self) -> bool:
        """Of a step that reads: whether the database answers, and not the engine's cache."""
        return False

    @property
    def tool(self) -> str:
        """The tool of an MCP server that it calls; empty if it calls none, or one that only its author knows."""
        return "" if self.is_pause else str(self.operation)  # type: ignore[attr-defined]

    @property
    def pause_ns(self) -> int:
        """How long it waits, in nanoseconds; 0 for all but pauses."""
        return 0

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The call for one vu of an engine in this process; `place` is the step's place in the flow.

        Raises:
            AttributeError: the engine lacks a method that the operation needs.
        """
        raise TypeError(f"{self.label} is not available with target: embedded")

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """The call for one vu of an MCP server; `place` as of `bind_embedded`."""
        raise TypeError(f"{self.label} is not available with target: mcp")

    def within_timeout(self, call: Call) -> Call:
        """The call, with the step's timeout."""
        return call._replace(timeout_ns=self.timeout_ns or 0)


def needed_steps(flow: Sequence[StepSettings]) -> list[int | None]:
    """For each step of a flow, the place of the one it is done only after; None if it needs none.

    Of several steps with the same label it is the last one before.
    """
    latest: dict[str, int] = {}
    needed = []
    for place, step in enumerate(flow):
        needed.append(latest.get(step.only_if))
        latest[step.label] = place
    return needed
