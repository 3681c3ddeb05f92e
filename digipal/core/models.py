"""The pet and what was said to it; the smaller values stand in `actions` and are named here too."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from digipal.core.actions import AttributeModifier, CareAction, Command
from digipal.core.arguments import names_arguments
from digipal.core.decay import Decay
from digipal.core.enums import AttributeType, EggType, InteractionResult, LifeStage
from digipal.core.species import EGG_NUMBERS, PRIMARY_ATTRIBUTES, STAGE_COMMANDS, clamp

__all__ = ["AttributeModifier", "CareAction", "Command", "DigiPal", "Interaction"]

_PRIMARY_NAMES = tuple(attribute.value for attribute in PRIMARY_ATTRIBUTES)


class _Kept:
    """Carries a storage's bookkeeping, which is no part of the value: not compared, printed or put into dicts."""

    storage_mark: tuple[object, ...] | None = None


@dataclass
class Interaction(_Kept):
    """One thing said or done to a pet and the pet's answer. Times are naive and local."""

    timestamp: datetime = field(default_factory=datetime.now)
    user_input: str = ""
    interpreted_command: str = ""
    pet_response: str = ""
    attribute_changes: dict[str, int] = field(default_factory=dict)
    success: bool = True
    result: InteractionResult = InteractionResult.SUCCESS

    def copy(self) -> "Interaction":
        """An equal interaction that shares nothing with this one and is stored nowhere."""
        return Interaction(
            self.timestamp,
            self.user_input,
            self.interpreted_command,
            self.pet_response,
            dict(self.attribute_changes),
            self.success,
            self.result,
        )

    @names_arguments
    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; the time as ISO text, the result as its value."""
        return {
            "timestamp": self.timestamp.isoformat(),
            "user_input": self.user_input,
            "interpreted_command": self.interpreted_command,
            "pet_response": self.pet_response,
            "attribute_changes": dict(self.attribute_changes),
            "success": self.success,
            "result": self.result.value,
        }

    @classmethod
    @names_arguments
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict; `data` is left alone, what it lacks takes its default, other keys are ignored."""
        known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        if "timestamp" in known:
            known["timestamp"] = datetime.fromisoformat(known["timestamp"])
        if "result" in known:
            known["result"] = InteractionResult(known["result"])
        known["attribute_changes"] = dict(data.get("attribute_changes", {}))
        return cls(**known)


class _KeptPet(_Kept):
    unsaved: Sequence[Interaction] = ()
    """Interactions that left the history before a storage had seen them."""
    decay: Decay | None = None
    """As of the last settlement or interaction, None before the first; decay_so_far() reads it."""
    copy_mark: tuple[object, ...] | None = None
    """The storage_mark of the pet that this one was copied from by way of a dict."""


class _PetDict(dict[str, Any]):
    """A pet's values, with what is known of the pet beside them: a copy of a stale pet is stale as well."""

    storage_mark: tuple[object, ...] | None = None
    decay: Decay | None = None


@dataclass
class DigiPal(_KeptPet):
    """A virtual pet. Times are naive and local, `evolution_timer` counts hours.

    A pet constructed in stage EGG takes its egg's numbers and one constructed in stage BABY the first four
    commands; a pet that comes back (from_dict, restore) keeps exactly what it had.
    """

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    user_id: str = ""
    name: str = "DigiPal"
    egg_type: EggType = EggType.RED
    life_stage: LifeStage = LifeStage.EGG
    generation: int = 1
    hp: int = 100
    mp: int = 50
    offense: int = 10
    defense: int = 10
    speed: int = 10
    brains: int = 10
    discipline: int = 0
    happiness: int = 50
    weight: int = 20
    care_mistakes: int = 0
    energy: int = 100
    birth_time: datetime = field(default_factory=datetime.now)
    last_interaction: datetime = field(default_factory=datetime.now)
    evolution_timer: float = 0.0
    conversation_history: list[Interaction] = field(default_factory=list)
    learned_commands: set[str] = field(default_factory=set)
    personality_traits: dict[str, Any] = field(default_factory=dict)
    current_image_path: str = ""
    image_generation_prompt: str = ""

    @names_arguments
    def __post_init__(self) -> None:
        if self.life_stage is LifeStage.EGG:
            for name, value in zip(_PRIMARY_NAMES, EGG_NUMBERS[self.egg_type], strict=True):
                setattr(self, name, value)
        elif self.life_stage is LifeStage.BABY and not self.learned_commands:
            self.learned_commands = set(STAGE_COMMANDS[LifeStage.BABY])

    @classmethod
    def restore(cls, values: dict[str, Any]) -> Self:
        """The pet with exactly these values, one for every field, whatever its stage."""
        pet = cls.__new__(cls)
        pet.__dict__.update(values)
        return pet

    @names_arguments
    def get_age_hours(self) -> float:
        """Hours since birth; 0.0 for a birth in the future, as a clock that was set back makes it look."""
        return max(0.0, (datetime.now() - self.birth_time).total_seconds() / 3600)

    @names_arguments
    def get_attribute(self, attribute: AttributeType) -> int:
        """The present value of the attribute."""
        value: int = getattr(self, attribute.value)
        return value

    @names_arguments
    def set_attribute(self, attribute: AttributeType, value: int) -> None:
        """Set the attribute, moved into its bounds."""
        name = attribute.value
        setattr(self, name, clamp(name, value))

    @names_arguments
    def modify_attribute(self, attribute: AttributeType, delta: int) -> None:
        """Add to the attribute; the result is moved into its bounds."""
        self.modify_attributes({attribute.value: delta})

    @names_arguments
    def modify_attributes(self, deltas: dict[str, int]) -> None:
        """Add to several attributes, given by name; the results are moved into their bounds."""
        for name, delta in deltas.items():
            setattr(self, name, clamp(name, getattr(self, name) + delta))

    @names_arguments
    def can_understand_command(self, text: str) -> bool:
        """Whether the pet's stage or what it has learned covers this command, whatever its case."""
        command = text.strip().lower()
        if command in STAGE_COMMANDS[self.life_stage]:
            return True
        return any(command == learned.lower() for learned in self.learned_commands)

    def touch(self, now: datetime) -> None:
        """Note that something happened to the pet at `now`; the decay it owes for the time before stays owed.

        Where nobody has kept an account of that yet, it begins here.
        """
        self.decay = Decay(now) if self.decay is None else self.decay_so_far().touched(now)
        self.last_interaction = now

    def decay_so_far(self) -> Decay:
        """What is paid for the time since `last_interaction`, whoever set that: nothing, where no account is kept."""
        if self.decay is None:
            return Decay(self.last_interaction)
        return self.decay.as_of(self.last_interaction)

    def trim_history(self, limit: int) -> None:
        """Keep the last `limit` interactions in memory; those that are not stored yet wait for the next save."""
        excess = len(self.conversation_history) - limit
        if excess > 0:
            leaving = self.conversation_history[:excess]
            del self.conversation_history[:excess]
            unsaved = [interaction for interaction in leaving if interaction.storage_mark is None]
            if isinstance(self.unsaved, list):
                self.unsaved.extend(unsaved)
            elif unsaved:
                self.unsaved = unsaved

    @names_arguments
    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; enums as values, times as ISO text, the commands as a sorted list."""
        data = _PetDict({name: getattr(self, name) for name in self.__dataclass_fields__})
        data.storage_mark, data.decay = self.storage_mark or self.copy_mark, self.decay
        data.update(
            egg_type=self.egg_type.value,
            life_stage=self.life_stage.value,
            birth_time=self.birth_time.isoformat(),
            last_interaction=self.last_interaction.isoformat(),
            conversation_history=[interaction.to_dict() for interaction in self.conversation_history],
            learned_commands=sorted(self.learned_commands),
            personality_traits=dict(self.personality_traits),
        )
        return data

    @classmethod
    @names_arguments
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict; `data` is left alone, what it lacks takes its default."""
        known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        for name, read in _READERS.items():
            if name in known:
                known[name] = read(known[name])
        pet = cls(**known)
        pet.__dict__.update(known)
        if isinstance(data, _PetDict):
            pet.copy_mark, pet.decay = data.storage_mark, data.decay
        return pet


def _read_history(entries: list[dict[str, Any]]) -> list[Interaction]:
    return [Interaction.from_dict(entry) for entry in entries]


_READERS: dict[str, Callable[[Any], Any]] = {
    "egg_type": EggType,
    "life_stage": LifeStage,
    "birth_time": datetime.fromisoformat,
    "last_interaction": datetime.fromisoformat,
    "conversation_history": _read_history,
    "learned_commands": set,
    "personality_traits": dict,
}


def numbers_of(changes: object) -> dict[str, int]:
    """The entries that change a number by name."""
    if not isinstance(changes, dict):
        return {}
    return {k: v for k, v in changes.items() if isinstance(k, str) and isinstance(v, int)}
