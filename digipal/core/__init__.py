"""The pet, its numbers and the rules that change them."""

from digipal.core.attribute_engine import AttributeEngine
from digipal.core.enums import (
    AttributeType,
    CareActionType,
    CommandType,
    EggType,
    InteractionResult,
    LifeStage,
)
from digipal.core.models import AttributeModifier, CareAction, Command, DigiPal, Interaction

__all__ = [
    "AttributeEngine",
    "AttributeModifier",
    "AttributeType",
    "CareAction",
    "CareActionType",
    "Command",
    "CommandType",
    "DigiPal",
    "EggType",
    "Interaction",
    "InteractionResult",
    "LifeStage",
]
