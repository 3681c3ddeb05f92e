"""From a sentence to a command."""

from typing import Any

from digipal.ai.vocabulary import COMMAND_WORDS, ENERGY_REQUIRED, GENERAL_TRAINING, TRAINING_WORDS, UNDERSTOOD
from digipal.core.actions import Command
from digipal.core.arguments import all_name_arguments
from digipal.core.enums import CommandType, LifeStage


@all_name_arguments
class CommandInterpreter:
    """Finds the command in what is said."""

    def parse_command(self, text: str, stage: LifeStage) -> Command:
        """The first command the text holds, and whether a pet of this stage understands it.

        A text without one gives the action "unknown", never stage-appropriate, with the text in its parameters.
        """
        for kind, words in COMMAND_WORDS:
            if words.search(text):
                return Command(
                    action=kind.value,
                    parameters=_parameters(kind, text),
                    stage_appropriate=kind in UNDERSTOOD[stage],
                    energy_required=ENERGY_REQUIRED.get(kind, 0),
                    command_type=kind,
                )
        return Command(
            action=CommandType.UNKNOWN.value,
            parameters={"original_text": text},
            stage_appropriate=False,
            command_type=CommandType.UNKNOWN,
        )


def _parameters(kind: CommandType, text: str) -> dict[str, Any]:
    if kind is not CommandType.TRAIN:
        return {}
    named = (training for training, words in TRAINING_WORDS if words.search(text))
    return {"training_type": next(named, GENERAL_TRAINING)}
