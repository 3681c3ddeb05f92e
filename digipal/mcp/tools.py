"""The seven tools: what they are called, what they do, what they take; and what is wrong with given arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import mcp_types as types

from digipal.core.arguments import LONGEST_TEXT
from digipal.core.attribute_engine import AttributeEngine
from digipal.core.enums import EggType

_REQUIRED: Final = object()
_JSON_TYPES: Final[dict[type, str]] = {str: "string", bool: "boolean"}
_PLAIN_WORDS: Final[dict[type, str]] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class ToolFailure(Exception):  # noqa: N818 - an answer to the client, not a fault of the server
    """What a client is told instead of an answer; `details` go with the text, for programs."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a tool; required when it has no default."""

    meaning: str
    kind: type = str
    default: Any = _REQUIRED
    choices: tuple[str, ...] = ()
    complaint: str = ""  # how a message about none of the choices begins

    @property
    def is_required(self) -> bool:
        """Whether a call must give it."""
        return self.default is _REQUIRED

    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        schema: dict[str, Any] = {"type": _JSON_TYPES[self.kind], "description": self.meaning}
        if self.choices:
            schema["enum"] = list(self.choices)
        elif self.kind is str:
            schema["maxLength"] = LONGEST_TEXT
        if not self.is_required:
            schema["default"] = self.default
        elif self.kind is str and not self.choices:
            schema["minLength"] = 1
        return schema

    def taken(self, name: str, given: Mapping[str, Any]) -> Any:
        """Its value in a call; ToolFailure where it is missing or none it can have."""
        value = given.get(name)
        if value is None or value == "":
            if self.is_required:
                raise ToolFailure(f"{name} is required: {self.meaning}")
            return self.default
        if not isinstance(value, self.kind):
            expected, got = _PLAIN_WORDS[self.kind], _PLAIN_WORDS.get(type(value), type(value).__name__)
            raise ToolFailure(f"{name} must be {expected}, not {got}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise ToolFailure(f"{name} has {len(value):,} characters; the limit is {LONGEST_TEXT:,}")
        if self.choices and value not in self.choices:
            raise ToolFailure(f"{self.complaint} {value!r:.60}: use one of {', '.join(self.choices)}")
        return value


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as clients see it; all take a user_id."""

    description: str
    arguments: dict[str, Argument] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of its arguments."""
        arguments = {"user_id": _USER, **self.arguments}
        return {
            "type": "object",
            "properties": {name: argument.schema() for name, argument in arguments.items()},
            "required": [name for name, argument in arguments.items() if argument.is_required],
            "additionalProperties": False,
        }

    def taken(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments of a call, defaults filled in; ToolFailure for the first that is wrong."""
        arguments = {"user_id": _USER, **self.arguments}
        unknown = [name for name in given if name not in arguments]
        if unknown:
            raise ToolFailure(f"unknown argument {unknown[0]!r:.60}: use {', '.join(arguments)}")
        return {name: argument.taken(name, given) for name, argument in arguments.items()}


_USER: Final = Argument("whose pet it is; a user has one pet at most")

TOOLS: Final[dict[str, ToolSpec]] = {
    "get_pet_status": ToolSpec("How a user's pet is now: its name, stage, attributes and whether it needs attention."),
    "interact_with_pet": ToolSpec(
        "Say something to a user's pet, and hear its answer. The first words hatch an egg; a young pet understands "
        "only a few, such as eat, sleep, good and bad.",
        {"message": Argument("what to say")},
    ),
    "apply_care_action": ToolSpec(
        "Care for a user's pet. Training and play cost energy: a pet that is too tired refuses, and that counts as a "
        "mistake in its care.",
        {
            "action": Argument(
                "what to do", choices=tuple(AttributeEngine().get_all_care_actions()), complaint="Unknown care action"
            )
        },
    ),
    "create_new_pet": ToolSpec(
        "A new pet for a user who has none. It begins as an egg.",
        {
            "egg_type": Argument(
                "red eggs are strong, blue ones tough and magical, green ones enduring",
                choices=tuple(egg.value for egg in EggType),
                complaint="Invalid egg type",
            ),
            "name": Argument("what the pet is called", default="DigiPal"),
        },
    ),
    "get_pet_statistics": ToolSpec(
        "Everything about a user's pet: attributes, quality of care, conversations, and what it lacks to evolve."
    ),
    "trigger_evolution": ToolSpec(
        "Let a user's pet evolve to its next stage of life, if it is ready.",
        {"force": Argument("evolve even if the pet is not ready", kind=bool, default=False)},
    ),
    "get_available_actions": ToolSpec("The care actions that a user's pet is old and rested enough for."),
}


def listed_tools() -> list[types.Tool]:
    """The tools as the protocol lists them."""
    return [
        types.Tool(name=name, description=spec.description, input_schema=spec.schema()) for name, spec in TOOLS.items()
    ]
