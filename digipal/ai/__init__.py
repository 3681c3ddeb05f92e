"""The pet's side of a conversation."""

from digipal.ai.communication import (
    AICommunication,
    CommandInterpreter,
    ConversationMemoryManager,
    ResponseGenerator,
)
from digipal.ai.simulated import SimulatedAI
from digipal.errors import SimulatedAIError

__all__ = [
    "AICommunication",
    "CommandInterpreter",
    "ConversationMemoryManager",
    "ResponseGenerator",
    "SimulatedAI",
    "SimulatedAIError",
]
