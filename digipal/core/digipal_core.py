"""The engine: pets in memory, backed by storage, answered by an AI."""

import logging
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from digipal.core.arguments import all_name_arguments, check_text
from digipal.core.attribute_engine import AttributeEngine
from digipal.core.decay import Decay
from digipal.core.enums import EggType, InteractionResult, LifeStage
from digipal.core.evolution_controller import EvolutionController
from digipal.core.evolution_rules import EvolutionResult
from digipal.core.interaction_processor import InteractionProcessor, clean_interaction
from digipal.core.memory_manager import EnhancedMemoryManager
from digipal.core.models import DigiPal, Interaction, numbers_of
from digipal.core.pet_keeper import Change, PetKeeper
from digipal.core.pet_state import PetState
from digipal.core.pet_statistics import pet_statistics
from digipal.core.time_decay import settle_time
from digipal.errors import StorageError

if TYPE_CHECKING:
    from digipal.ai.communication import AICommunication
    from digipal.storage.storage_manager import StorageManager

__all__ = ["DigiPalCore", "InteractionProcessor", "PetState"]

_COMMAND_ACTIONS = {
    "eat": "meat",
    "sleep": "rest",
    "good": "praise",
    "bad": "scold",
    "train": "strength_training",
    "play": "play",
}
_UPDATE_INTERVAL_S = 60.0
_JOIN_S = 0.2

_log = logging.getLogger(__name__)


class _StopFlag(threading.Event):
    """An event that is as true as it is set, and equal to that truth."""

    __hash__ = threading.Event.__hash__

    def __bool__(self) -> bool:
        return self.is_set()

    def __eq__(self, other: object) -> bool:
        return self.is_set() is other if isinstance(other, bool) else self is other


@all_name_arguments
class DigiPalCore:
    """The engine. Threads may share it: calls on one pet take turns, different pets do not wait for one another.

    A call that changes a pet has saved it when it returns. If it raises (StorageError, or an exception of the AI),
    the pet is unchanged. `active_pets` keeps at most `max_active_pets` in memory; a changed pet is saved before it
    leaves.
    """

    def __init__(
        self,
        storage_manager: "StorageManager",
        ai_communication: "AICommunication",
        enable_performance_optimization: bool = True,
        *,
        max_active_pets: int = 1000,
    ) -> None:
        self.storage_manager = storage_manager
        self.ai_communication = ai_communication
        self.enable_performance_optimization = enable_performance_optimization
        self.attribute_engine = AttributeEngine()
        self.evolution_controller = EvolutionController()
        self.interaction_processor = InteractionProcessor(ai_communication, self.attribute_engine)
        self.enhanced_memory_manager = EnhancedMemoryManager(storage_manager)
        ai_communication.enhanced_memory_manager = self.enhanced_memory_manager
        self._keeper = PetKeeper(storage_manager, max_active_pets, self._forget)
        self.active_pets = self._keeper.active_pets
        self._update_thread: threading.Thread | None = None
        self._stop_updates = _StopFlag()

    def create_new_pet(self, egg_type: EggType | str, user_id: str, name: str = "DigiPal") -> DigiPal:
        """Create and save a new egg.

        Args:
            egg_type: an EggType, or its value ("red", "blue", "green").

        Raises:
            ValueError: no such type of egg.
            RuntimeError: the user already has a live pet, or storage refuses the new one.
        """
        check_text("user_id", user_id)
        check_text("name", name)
        pet = DigiPal(user_id=user_id, name=name, egg_type=_egg_type(egg_type))
        pet.decay = Decay(pet.last_interaction)
        self._keeper.add(pet)
        return pet

    def load_existing_pet(self, user_id: str) -> DigiPal | None:
        """The user's pet, from memory or else from storage; None without a pet."""
        return self._keeper.fetch(user_id)

    def get_pet_state(self, user_id: str) -> PetState | None:
        """The pet's present state, without waiting for an answer in progress; None without a pet."""
        return self._keeper.look(user_id, lambda pet: PetState(pet, self.evolution_controller))

    def process_interaction(self, user_id: str, text: str) -> tuple[bool, Interaction]:
        """Talk to the pet. Returns (understood, interaction with the answer). An egg hatches at the first words."""
        check_text("text", text)
        first: dict[LifeStage, Interaction] = {}

        def talk(pet: DigiPal) -> tuple[bool, Interaction]:
            self._settle_account(pet)
            stage = pet.life_stage
            if stage in first:
                # Another process saved this pet meanwhile: the answer stands, the pet it is given to is a newer one.
                interaction = first[stage].copy()
                self.ai_communication.update_conversation_memory(interaction, pet)
            else:
                answer = self.interaction_processor.process_text_interaction(text, pet)
                interaction = clean_interaction(answer, text, pet)
                first[stage] = interaction.copy()
            self._take_effect(pet, interaction, hatches=stage is LifeStage.EGG and bool(text.strip()))
            return True, interaction

        return self._answered(user_id, text, talk)

    def process_speech_interaction(
        self, user_id: str, audio: bytes, sample_rate: int | None = None
    ) -> tuple[bool, Interaction]:
        """Speak to the pet; `sample_rate` in Hz. Unrecognised speech changes nothing."""

        def listen(pet: DigiPal) -> tuple[bool, Interaction]:
            settled = self._settle_account(pet)
            was_egg = pet.life_stage is LifeStage.EGG
            interaction = self.interaction_processor.process_speech_interaction(audio, pet, sample_rate)
            if not interaction.user_input:
                return settled, interaction
            if self._take_effect(pet, interaction, hatches=was_egg and interaction.success):
                interaction.pet_response = f"{interaction.pet_response} {pet.name} has hatched!"
            return True, interaction

        return self._answered(user_id, "", listen)

    def process_audio_interaction(self, user_id: str, audio: Any) -> tuple[bool, Interaction]:
        """Speak to the pet with a recording: bytes, or a pair (sample rate in Hz, samples)."""
        sample_rate, samples = audio if isinstance(audio, tuple) else (None, audio)
        return self.process_speech_interaction(
            user_id, samples.tobytes() if hasattr(samples, "tobytes") else samples, sample_rate
        )

    def update_pet_state(self, user_id: str, force_save: bool = False) -> bool:
        """Apply the time since the last interaction, in steps of half an hour; False without a pet."""

        def age(pet: DigiPal) -> tuple[bool, bool]:
            return self._settle(pet) or force_save, True

        return self._keeper.change(user_id, age) is not None

    def trigger_evolution(self, user_id: str, force: bool = False) -> tuple[bool, EvolutionResult]:
        """Evolve the pet by one stage if it is eligible, or if forced. Returns (success, result)."""

        def grow(pet: DigiPal) -> tuple[bool, EvolutionResult]:
            settled = self._settle_account(pet)
            result = self.evolution_controller.trigger_evolution(pet, force=force)
            return settled or result.success, result

        result = self._keeper.change(user_id, grow)
        if result is None:
            result = EvolutionResult(False, LifeStage.EGG, LifeStage.EGG, message=_no_pet(user_id))
        return result.success, result

    def get_care_actions(self, user_id: str) -> list[str]:
        """Names of the care actions available to the pet; empty without a pet."""
        return self._keeper.look(user_id, self.attribute_engine.get_available_actions) or []

    def apply_care_action(self, user_id: str, action_name: str) -> tuple[bool, Interaction]:
        """Care for the pet. Returns (success, interaction). Too little energy fails, and counts as a care mistake."""
        check_text("action_name", action_name)
        done = False

        def care(pet: DigiPal) -> tuple[bool, Interaction]:
            nonlocal done
            settled = self._settle_account(pet)
            done, interaction = self.attribute_engine.apply_care_action(pet, action_name)
            return settled or done or interaction.result is InteractionResult.INSUFFICIENT_ENERGY, interaction

        _, interaction = self._answered(user_id, action_name, care)
        return done, interaction

    def get_pet_statistics(self, user_id: str) -> dict[str, Any]:
        """All figures of the pet as one dict; empty without a pet."""
        return self._keeper.look(user_id, self._statistics) or {}

    def get_memory_statistics(self, user_id: str) -> dict[str, Any]:
        """The pet's memories and emotions as a dict; empty without a pet."""
        return self._keeper.look(user_id, self._memory_statistics) or {}

    def get_performance_statistics(self, user_id: str | None = None) -> dict[str, Any]:
        """Size of the engine's caches, background threads, and whether this user's pet is cached."""
        statistics = {
            "optimization_enabled": self.enable_performance_optimization,
            "active_pets": len(self.active_pets),
            "max_active_pets": self.active_pets.limit,
            "background_updates_running": self._update_thread is not None and self._update_thread.is_alive(),
        }
        if user_id is not None:
            statistics["pet_is_active"] = user_id in self.active_pets
        return statistics

    def optimize_performance(self, user_id: str | None = None) -> dict[str, Any]:
        """Drop old memories of this user's pet, or of all cached pets; nothing if optimization is off."""
        removed = 0
        if self.enable_performance_optimization:
            for owner, pet in self.active_pets.snapshot():
                if user_id in (None, owner):
                    removed += self.enhanced_memory_manager.cleanup_old_memories(pet.id)
        return {"optimized": self.enable_performance_optimization, "memories_removed": removed}

    def clear_conversation_history(self, user_id: str) -> bool:
        """Delete the pet's conversation history, also in storage; False without a pet."""

        def forget(pet: DigiPal) -> tuple[bool, bool]:
            self.storage_manager.clear_interaction_history(pet.id)
            pet.conversation_history.clear()
            pet.unsaved = ()
            self.enhanced_memory_manager.forget_pet(pet.id)
            return True, True

        return self._keeper.change(user_id, forget) is not None

    def start_background_updates(self) -> None:
        """Update cached pets once a minute in a thread; a second call does nothing."""
        if self._update_thread is not None and self._update_thread.is_alive():
            return
        self._stop_updates.clear()
        self._update_thread = threading.Thread(target=self._update_regularly, name="digipal-updates", daemon=True)
        self._update_thread.start()

    def stop_background_updates(self) -> None:
        """Stop the background updates, without waiting long for an update of a busy pet."""
        self._stop_updates.set()
        if self._update_thread is not None:
            self._update_thread.join(_JOIN_S)

    def shutdown(self) -> None:
        """Save every cached pet once, empty the cache and end every thread, within a second.

        Calls during the shutdown wait, then raise EngineClosedError. The caller closes the storage. If a pet cannot be
        saved, the others still are, and StorageError is raised: that pet stays cached and the engine open, so that you
        can call shutdown again.
        """
        self._stop_updates.set()
        try:
            self._keeper.release_all()
        finally:
            self.stop_background_updates()
            self.enhanced_memory_manager.shutdown()
            self.ai_communication.unload_all_models()

    def _settle_account(self, pet: DigiPal) -> bool:
        """Settle before something happens to a pet, unless that is what its account begins with; as _settle."""
        return pet.decay is not None and self._settle(pet)

    def _settle(self, pet: DigiPal) -> bool:
        """Let the time that has passed take effect; whether it had any."""
        hours = settle_time(pet, self.attribute_engine, datetime.now())
        if hours:
            self.evolution_controller.update_evolution_timer(pet, hours)
        return hours > 0

    def _answered(self, user_id: str, text: str, change: Change[Interaction]) -> tuple[bool, Interaction]:
        interaction = self._keeper.change(user_id, change)
        if interaction is None:
            interaction = Interaction(
                user_input=text,
                pet_response=_no_pet(user_id),
                success=False,
                result=InteractionResult.FAILURE,
            )
        return interaction.success, interaction

    def _take_effect(self, pet: DigiPal, interaction: Interaction, hatches: bool) -> bool:
        """Let what was said change the pet, beyond what the AI did; whether it hatched."""
        hatched = hatches and self._hatch(pet, interaction)
        if not hatches and interaction.success and interaction.interpreted_command in _COMMAND_ACTIONS:
            self._obey(pet, interaction)
        pet.touch(datetime.now())
        return hatched

    def _hatch(self, pet: DigiPal, interaction: Interaction) -> bool:
        evolution = self.evolution_controller.trigger_evolution(pet, force=True)
        if evolution.success:
            interaction.attribute_changes.update(numbers_of(evolution.attribute_changes))
            interaction.success = True
            interaction.result = InteractionResult.SUCCESS
        return evolution.success

    def _obey(self, pet: DigiPal, interaction: Interaction) -> None:
        action_name = _COMMAND_ACTIONS[interaction.interpreted_command]
        done, care = self.attribute_engine.apply_care_action(pet, action_name)
        if pet.conversation_history[-1] is care:
            pet.conversation_history.pop()  # one thing said is one interaction
        interaction.attribute_changes.update(numbers_of(care.attribute_changes))
        if not done:
            interaction.pet_response = care.pet_response
            interaction.success = False
            interaction.result = care.result

    def _update_regularly(self) -> None:
        while not self._stop_updates.wait(_UPDATE_INTERVAL_S):
            for user_id, _ in self.active_pets.snapshot():
                if self._stop_updates:
                    return
                try:
                    self.update_pet_state(user_id)
                except StorageError:
                    if self._stop_updates:
                        return
                    _log.exception("the pet of user %r could not be updated; the next round tries again", user_id)

    def _forget(self, pet: DigiPal) -> None:
        self.enhanced_memory_manager.forget_pet(pet.id)

    def _statistics(self, pet: DigiPal) -> dict[str, Any]:
        memory = getattr(self.ai_communication, "memory_manager", None)
        summary = {} if memory is None else memory.get_interaction_summary(pet)
        return pet_statistics(pet, summary, self.attribute_engine, self.evolution_controller)

    def _memory_statistics(self, pet: DigiPal) -> dict[str, Any]:
        memories = self.enhanced_memory_manager
        return {
            **memories.get_memory_statistics(pet.id),
            "conversation_history": len(pet.conversation_history),
            "emotional_state": memories.get_emotional_state_summary(pet.id),
        }


def _egg_type(given: EggType | str) -> EggType:
    try:
        return EggType(given)
    except ValueError:
        choices = ", ".join(repr(egg.value) for egg in EggType)
        raise ValueError(f"{given!r} is not a type of egg: use an EggType, or one of {choices}") from None


def _no_pet(user_id: str) -> str:
    return f"No DigiPal found for user {user_id!r}"
