"""What a pet says."""

from collections.abc import Mapping

from digipal.core.actions import Command
from digipal.core.arguments import all_name_arguments
from digipal.core.enums import CommandType, LifeStage
from digipal.core.models import DigiPal

S = LifeStage
T = CommandType

_ANSWERS: Mapping[CommandType, str] = {
    T.EAT: "Yum! Food, please!",
    T.SLEEP: "*yawns* A rest sounds lovely.",
    T.GOOD: "Thank you! That makes me happy!",
    T.BAD: "I'm sorry. I will do better.",
    T.TRAIN: "Let's train! I will give it everything.",
    T.PLAY: "Yes, let's play!",
    T.UNKNOWN: "Hmm, I wonder what that means.",
}

_VOICES: Mapping[LifeStage, str] = {
    S.BABY: "Goo goo! {answer}",
    S.CHILD: "Hee hee! {answer}",
    S.TEEN: "{answer}",
    S.YOUNG_ADULT: "{answer}",
    S.ADULT: "{answer} I am glad to have you.",
    S.ELDERLY: "Ah, my friend. {answer}",
}

_HATCHING = "*the egg cracks open: it has hatched!*"
_UNTOUCHED = "*the egg wobbles*"
_TOO_YOUNG = "I am too little for that."
_TIRED_BELOW = 20
_TIRED = " *yawns* I am very tired."


@all_name_arguments
class ResponseGenerator:
    """Answers as a pet of its stage would."""

    def generate_response(self, text: str, pet: DigiPal, command: Command | None = None) -> str:
        """What the pet answers to the command it understood (None: to talk without one); never empty.

        An egg hatches at the first words, whatever they are.
        """
        if pet.life_stage is S.EGG:
            return _HATCHING if text.strip() else _UNTOUCHED
        kind = command.command_type if command is not None else T.UNKNOWN
        if command is not None and kind is not T.UNKNOWN and not command.stage_appropriate:
            answer = _TOO_YOUNG
        elif kind is T.STATUS:
            answer = f"I have {pet.energy} energy and {pet.happiness} happiness."
        else:
            answer = _ANSWERS[kind]
        spoken = _VOICES[pet.life_stage].format(answer=answer)
        return spoken + _TIRED if pet.energy < _TIRED_BELOW else spoken
