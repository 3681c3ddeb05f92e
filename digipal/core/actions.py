"""What a pet can be asked and what can be done to it: plain values."""

from dataclasses import dataclass, field
from typing import Any, Self

from digipal.core.arguments import all_name_arguments
from digipal.core.enums import AttributeType, CareActionType, CommandType


@all_name_arguments
@dataclass
class Command:
    """What a sentence was understood to ask for."""

    action: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    stage_appropriate: bool = True
    energy_required: int = 0
    command_type: CommandType = CommandType.UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; the command type as its value."""
        return {
            "action": self.action,
            "parameters": dict(self.parameters),
            "stage_appropriate": self.stage_appropriate,
            "energy_required": self.energy_required,
            "command_type": self.command_type.value,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict; `data` is left alone, what it lacks takes its default."""
        known = dict(data)
        known["parameters"] = dict(data.get("parameters", {}))
        known["command_type"] = CommandType(data.get("command_type", CommandType.UNKNOWN.value))
        return cls(**known)


@all_name_arguments
@dataclass
class AttributeModifier:
    """A change of one attribute, with the conditions under which it holds."""

    attribute: AttributeType
    change: int
    conditions: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; the attribute as its value."""
        return {
            "attribute": self.attribute.value,
            "change": self.change,
            "conditions": list(self.conditions),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict."""
        return cls(AttributeType(data["attribute"]), data["change"], list(data.get("conditions", [])))


@all_name_arguments
@dataclass
class CareAction:
    """One way to care for a pet: what it costs, what it changes, what a failure costs.

    `energy_cost` is positive when the pet spends energy and negative when it gains some.
    """

    name: str
    action_type: CareActionType
    energy_cost: int
    happiness_change: int
    attribute_modifiers: list[AttributeModifier] = field(default_factory=list)
    success_conditions: list[str] = field(default_factory=list)
    failure_effects: list[AttributeModifier] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; enums as values, modifiers as dicts."""
        return {
            "name": self.name,
            "action_type": self.action_type.value,
            "energy_cost": self.energy_cost,
            "happiness_change": self.happiness_change,
            "attribute_modifiers": [modifier.to_dict() for modifier in self.attribute_modifiers],
            "success_conditions": list(self.success_conditions),
            "failure_effects": [modifier.to_dict() for modifier in self.failure_effects],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict."""
        known = dict(data)
        known["action_type"] = CareActionType(data["action_type"])
        for name in ("attribute_modifiers", "failure_effects"):
            known[name] = [AttributeModifier.from_dict(modifier) for modifier in data.get(name, [])]
        known["success_conditions"] = list(data.get("success_conditions", []))
        return cls(**known)
