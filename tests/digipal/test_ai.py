"""Understanding, answering, remembering, and doing so late and unreliably."""

import threading

import pytest

from digipal.ai import AICommunication, CommandInterpreter, ConversationMemoryManager, SimulatedAI, SimulatedAIError
from digipal.core import CommandType, DigiPal, Interaction, InteractionResult, LifeStage

PARSE = CommandInterpreter().parse_command


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Are you HUNGRY?", CommandType.EAT),
        ("time for bed", CommandType.SLEEP),
        ("well  done!", CommandType.GOOD),
        ("no!", CommandType.BAD),
        ("let us work on your speed", CommandType.TRAIN),
        ("a game?", CommandType.PLAY),
        ("how are you", CommandType.STATUS),
        ("I know nothing", CommandType.UNKNOWN),
        ("", CommandType.UNKNOWN),
        ("eat, then play", CommandType.EAT),
    ],
)
def test_words_are_commands(text: str, kind: CommandType) -> None:
    command = PARSE(text, LifeStage.ADULT)
    assert command.command_type is kind
    assert command.action == kind.value
    assert command.stage_appropriate is (kind is not CommandType.UNKNOWN)


def test_details_of_commands() -> None:
    assert PARSE("blah", LifeStage.TEEN).parameters == {"original_text": "blah"}
    assert PARSE("train your brain", LifeStage.TEEN).parameters == {"training_type": "brains"}
    assert PARSE("train", LifeStage.TEEN).parameters == {"training_type": "general"}
    assert PARSE("train", LifeStage.TEEN).energy_required == 20
    assert PARSE("play", LifeStage.TEEN).energy_required == 10


@pytest.mark.parametrize(
    ("stage", "text", "understood"),
    [
        (LifeStage.EGG, "eat", False),
        (LifeStage.BABY, "eat", True),
        (LifeStage.BABY, "play", False),
        (LifeStage.CHILD, "play", True),
        (LifeStage.CHILD, "status", False),
        (LifeStage.TEEN, "status", True),
    ],
)
def test_stages_understand_more_and_more(stage: LifeStage, text: str, understood: bool) -> None:
    assert PARSE(text, stage).stage_appropriate is understood


@pytest.mark.parametrize("stage", LifeStage)
@pytest.mark.parametrize("text", ["eat", "status", "blah", ""])
def test_a_pet_always_answers(stage: LifeStage, text: str) -> None:
    pet = DigiPal(life_stage=stage)
    interaction = AICommunication().process_interaction(text, pet)
    assert interaction.pet_response
    assert AICommunication().generate_response(text, pet)
    assert pet.conversation_history == [interaction]


def test_success_is_understanding() -> None:
    ai, baby = AICommunication(), DigiPal(life_stage=LifeStage.BABY)
    results = [ai.process_interaction(text, baby).result for text in ("eat", "play", "blah")]
    assert results == [
        InteractionResult.SUCCESS,
        InteractionResult.STAGE_INAPPROPRIATE,
        InteractionResult.INVALID_COMMAND,
    ]


def test_memory_is_bounded_and_loses_nothing_unsaved() -> None:
    memory, pet = ConversationMemoryManager(max_memory_size=3), DigiPal()
    for number in range(5):
        memory.add_interaction(Interaction(user_input=str(number)), pet)
    assert [said.user_input for said in pet.conversation_history] == ["2", "3", "4"]
    assert [said.user_input for said in pet.unsaved] == ["0", "1"]
    assert [said.user_input for said in memory.get_recent_interactions(pet, 2)] == ["3", "4"]
    assert memory.get_recent_interactions(pet, 0) == []


@pytest.mark.parametrize(
    ("command", "success", "trait", "value"),
    [
        ("good", True, "obedience", 0.6),
        ("bad", True, "obedience", 0.45),
        ("play", True, "playfulness", 0.6),
        ("eat", True, "friendliness", 0.55),
        ("unknown", False, "curiosity", 0.52),
        ("eat", False, "friendliness", 0.5),
    ],
)
def test_interactions_shape_traits(command: str, success: bool, trait: str, value: float) -> None:
    pet = DigiPal()
    ConversationMemoryManager().add_interaction(Interaction(interpreted_command=command, success=success), pet)
    assert pet.personality_traits[trait] == value
    assert sorted(pet.personality_traits) == ["curiosity", "friendliness", "obedience", "playfulness"]


def test_summary() -> None:
    memory, pet = ConversationMemoryManager(), DigiPal()
    assert memory.get_interaction_summary(pet)["success_rate"] == 0
    for command, success in (("eat", True), ("eat", True), ("play", False)):
        memory.add_interaction(Interaction(interpreted_command=command, success=success), pet)
    summary = memory.get_interaction_summary(pet)
    assert summary["total_interactions"] == 3
    assert summary["successful_interactions"] == 2
    assert summary["success_rate"] == pytest.approx(2 / 3)
    assert summary["most_common_commands"] == [("eat", 2), ("play", 1)]
    assert summary["last_interaction"] == pet.conversation_history[-1].timestamp


def test_models_are_only_noted() -> None:
    ai = AICommunication()
    ai.load_model()
    ai.load_speech_model()
    assert ai.is_model_loaded()
    assert ai.is_speech_model_loaded()
    ai.unload_all_models()
    assert not ai.is_model_loaded()
    assert not ai.get_speech_model_info()["loaded"]
    assert ai.get_model_info()["model_name"] == "Qwen/Qwen3-0.6B"
    assert ai.process_speech(b"", 16000) == ""


def test_the_simulated_ai_waits_once_for_each_answer() -> None:
    slept: list[float] = []
    ai = SimulatedAI(latency_ms=50, sleep=slept.append)
    ai.process_interaction("eat", DigiPal())
    ai.process_interaction("eat", DigiPal())
    assert slept == [0.05, 0.05]


def test_jitter_is_seeded_and_never_negative() -> None:
    def waits(seed: int) -> list[float]:
        slept: list[float] = []
        ai = SimulatedAI(seed, latency_ms=1, jitter_ms=5, sleep=slept.append)
        for _ in range(50):
            ai.process_interaction("eat", DigiPal())
        return slept

    assert waits(1) == waits(1)
    assert waits(1) != waits(2)
    assert min(waits(1)) >= 0
    assert len(set(waits(1))) > 10


def test_failures_are_seeded_come_after_the_wait_and_spare_the_pet() -> None:
    def fates(seed: int) -> list[bool]:
        slept: list[float] = []
        ai = SimulatedAI(seed, latency_ms=2, error_rate=0.3, sleep=slept.append)
        failed = []
        for _ in range(100):
            pet = DigiPal()
            try:
                ai.process_interaction("eat", pet)
            except SimulatedAIError:
                assert not pet.conversation_history
                assert not pet.personality_traits
                failed.append(True)
            else:
                failed.append(False)
        assert len(slept) == 100
        return failed

    assert fates(7) == fates(7)
    assert 10 < sum(fates(7)) < 50


def test_threads_share_one_sequence_of_draws() -> None:
    def waits(threads: int) -> list[float]:
        slept: list[float] = []
        ai = SimulatedAI(3, latency_ms=100, jitter_ms=20, sleep=slept.append)

        def work() -> None:
            for _ in range(60 // threads):
                ai.process_interaction("eat", DigiPal())

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sorted(slept)

    assert waits(1) == waits(4)


@pytest.mark.parametrize("settings", [{"latency_ms": -1}, {"jitter_ms": -1}, {"error_rate": 1.5}, {"error_rate": -0.1}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="0"):
        SimulatedAI(**settings)  # type: ignore[arg-type]
