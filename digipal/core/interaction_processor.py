"""From what reaches a pet to an interaction of known shape."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeGuard

from digipal.core.arguments import all_name_arguments
from digipal.core.attribute_engine import AttributeEngine
from digipal.core.enums import InteractionResult, LifeStage
from digipal.core.models import DigiPal, Interaction, numbers_of

if TYPE_CHECKING:
    from digipal.ai.communication import AICommunication

_NOT_UNDERSTOOD = "I couldn't understand what you said. Could you say it again?"
_HATCHING = "*The egg trembles and cracks: it is hatching!*"
_SPEECHLESS = "*looks at you*"


@all_name_arguments
class InteractionProcessor:
    """TimedCaller what was written or spoken to the AI."""

    def __init__(self, ai_communication: "AICommunication", attribute_engine: AttributeEngine) -> None:
        self.ai_communication = ai_communication
        self.attribute_engine = attribute_engine

    def process_text_interaction(self, text: str, pet: DigiPal) -> Interaction:
        """What the AI answers, as it answers it."""
        return self.ai_communication.process_interaction(text, pet)

    def process_speech_interaction(self, audio: bytes, pet: DigiPal, sample_rate: int | None = None) -> Interaction:
        """What the AI answers to what it heard; FAILURE when it heard nothing. An egg is moved by any words."""
        text = self.ai_communication.process_speech(audio, sample_rate)
        if not (isinstance(text, str) and text.strip()):
            return Interaction(pet_response=_NOT_UNDERSTOOD, success=False, result=InteractionResult.FAILURE)
        was_egg = pet.life_stage is LifeStage.EGG
        interaction = clean_interaction(self.process_text_interaction(text, pet), text, pet)
        if was_egg:
            interaction.pet_response = f"{interaction.pet_response} {_HATCHING}"
            interaction.attribute_changes["hatching"] = 1
            interaction.success = True
            interaction.result = InteractionResult.SUCCESS
        return interaction


def clean_interaction(answer: Any, text: str, pet: DigiPal) -> Interaction:
    """The answer as an Interaction fit to be stored, recorded last in the pet's history.

    An AI may answer with any object; what is missing or of the wrong kind in it takes a plain value. A proper
    Interaction stays the same object, unless it has been said before: an AI that gives one object twice means two
    interactions.
    """
    history = pet.conversation_history
    recorded = bool(history) and history[-1] is answer and answer.storage_mark is None
    interaction = answer if _is_proper(answer) else _rebuilt(answer, text)
    if interaction.storage_mark is not None:
        interaction = interaction.copy()
    interaction.user_input = interaction.user_input or text
    if recorded:
        history[-1] = interaction
    else:
        history.append(interaction)
    return interaction


def _is_proper(answer: Any) -> bool:
    return (
        type(answer) is Interaction
        and _is_local_time(answer.timestamp)
        and isinstance(answer.user_input, str)
        and isinstance(answer.interpreted_command, str)
        and isinstance(answer.pet_response, str)
        and isinstance(answer.success, bool)
        and isinstance(answer.result, InteractionResult)
        and (answer.attribute_changes == {} or numbers_of(answer.attribute_changes) == answer.attribute_changes)
    )


def _rebuilt(answer: Any, text: str) -> Interaction:
    success = bool(getattr(answer, "success", False))
    timestamp = getattr(answer, "timestamp", None)
    result = getattr(answer, "result", None)
    plain = InteractionResult.SUCCESS if success else InteractionResult.FAILURE
    return Interaction(
        timestamp=timestamp if _is_local_time(timestamp) else datetime.now(),
        user_input=_text(getattr(answer, "user_input", None), text),
        interpreted_command=_text(getattr(answer, "interpreted_command", None), ""),
        pet_response=_text(getattr(answer, "pet_response", None), _SPEECHLESS),
        attribute_changes=numbers_of(getattr(answer, "attribute_changes", None)),
        success=success,
        result=result if isinstance(result, InteractionResult) else plain,
    )


def _is_local_time(value: object) -> TypeGuard[datetime]:
    return isinstance(value, datetime) and value.tzinfo is None


def _text(value: object, default: str) -> str:
    return value if isinstance(value, str) else default
