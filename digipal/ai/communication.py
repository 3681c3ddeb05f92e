"""The pet's side of a conversation, by rules alone: no model is ever loaded or downloaded."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from digipal.ai.conversation_memory import ConversationMemoryManager
from digipal.ai.interpreter import CommandInterpreter
from digipal.ai.responses import ResponseGenerator
from digipal.core.actions import Command
from digipal.core.arguments import all_name_arguments
from digipal.core.enums import CommandType, InteractionResult
from digipal.core.models import DigiPal, Interaction

if TYPE_CHECKING:
    from digipal.core.memory_manager import EnhancedMemoryManager

__all__ = ["AICommunication", "CommandInterpreter", "ConversationMemoryManager", "ResponseGenerator"]


@all_name_arguments
class AICommunication:
    """Understands text and answers it. Threads may share one, each with its own pets.

    `model_name`, `quantization` and `kyutai_config` are kept for callers that state and report them. "Loading" a
    model only notes that it was asked for, since the rules need none.
    """

    def __init__(
        self,
        model_name: str = "Qwen/Qwen3-0.6B",
        quantization: bool = True,
        kyutai_config: dict[str, Any] | None = None,
        enhanced_memory_manager: "EnhancedMemoryManager | None" = None,
    ) -> None:
        self.model_name = model_name
        self.quantization = quantization
        self.kyutai_config = kyutai_config if kyutai_config is not None else {}
        self.enhanced_memory_manager = enhanced_memory_manager
        self.command_interpreter = CommandInterpreter()
        self.response_generator = ResponseGenerator()
        self.memory_manager = ConversationMemoryManager()
        self._model_loaded = False
        self._speech_model_loaded = False

    def process_speech(self, audio: bytes, sample_rate: int | None = None) -> str:
        """The text of what was spoken; always empty, since speech recognition is out of scope."""
        return ""

    def interpret_command(self, text: str, pet: DigiPal) -> Command:
        """What the text asks of this pet."""
        return self.command_interpreter.parse_command(text, pet.life_stage)

    def generate_response(self, text: str, pet: DigiPal) -> str:
        """What the pet answers; never empty."""
        return self.response_generator.generate_response(text, pet, self.interpret_command(text, pet))

    def process_interaction(self, text: str, pet: DigiPal) -> Interaction:
        """Understand, answer and remember; the interaction is the last of the pet's history afterwards.

        It is a success when the pet's stage understands the command.
        """
        command = self.interpret_command(text, pet)
        interaction = Interaction(
            timestamp=datetime.now(),
            user_input=text,
            interpreted_command=command.action,
            pet_response=self.response_generator.generate_response(text, pet, command),
            success=command.stage_appropriate,
            result=_result(command),
        )
        self.update_conversation_memory(interaction, pet)
        return interaction

    def update_conversation_memory(self, interaction: Interaction, pet: DigiPal) -> None:
        """Let the pet remember the interaction and be shaped by it."""
        self.memory_manager.add_interaction(interaction, pet)
        if self.enhanced_memory_manager is not None:
            self.enhanced_memory_manager.add_interaction_memory(pet, interaction)

    def load_model(self) -> None:
        """Note that the language model is wanted."""
        self._model_loaded = True

    def load_speech_model(self) -> None:
        """Note that the speech model is wanted."""
        self._speech_model_loaded = True

    def is_model_loaded(self) -> bool:
        """Whether load_model was called since the last unload."""
        return self._model_loaded

    def is_speech_model_loaded(self) -> bool:
        """Whether load_speech_model was called since the last unload."""
        return self._speech_model_loaded

    def get_model_info(self) -> dict[str, Any]:
        """The settings of the language model and whether it is loaded."""
        return {"model_name": self.model_name, "quantization": self.quantization, "loaded": self._model_loaded}

    def get_speech_model_info(self) -> dict[str, Any]:
        """The settings of the speech model and whether it is loaded."""
        return {"kyutai_config": dict(self.kyutai_config), "loaded": self._speech_model_loaded}

    def unload_model(self) -> None:
        """Forget the language model."""
        self._model_loaded = False

    def unload_speech_model(self) -> None:
        """Forget the speech model."""
        self._speech_model_loaded = False

    def unload_all_models(self) -> None:
        """Forget both models."""
        self.unload_model()
        self.unload_speech_model()


def _result(command: Command) -> InteractionResult:
    if command.stage_appropriate:
        return InteractionResult.SUCCESS
    if command.command_type is CommandType.UNKNOWN:
        return InteractionResult.INVALID_COMMAND
    return InteractionResult.STAGE_INAPPROPRIATE
