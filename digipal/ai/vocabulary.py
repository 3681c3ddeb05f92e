"""What a pet understands: words, what they ask for, what that takes."""

import re
from collections.abc import Mapping

from digipal.core.enums import CommandType, LifeStage

T = CommandType


def _pattern(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)


COMMAND_WORDS: tuple[tuple[CommandType, re.Pattern[str]], ...] = (
    (T.EAT, _pattern("eat", "feed", "food", "hungry", "meal")),
    (T.SLEEP, _pattern("sleep", "rest", "tired", "nap", "bed")),
    (T.GOOD, _pattern("good", "great", "excellent", r"well\s+done", "nice", "praise", "proud", "amazing")),
    (T.BAD, _pattern("bad", "no", "stop", "wrong", "naughty", "scold", "discipline", "behave")),
    (T.TRAIN, _pattern("train", "exercise", "workout", "practice", "training", r"work\s+on")),
    (T.PLAY, _pattern("play", "fun", "game", "toy")),
    (T.STATUS, _pattern("status", r"how\b.{0,80}?\byou", "feeling", "health", "show")),
)
"""In the order they are tried: the first that occurs in a sentence is what it asks for."""

TRAINING_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("strength", _pattern("strength", "strong", "stronger", "power", "muscles?", "attack", "offense")),
    ("defense", _pattern("defen[sc]e", "defend", "guard", "block", "tough")),
    ("speed", _pattern("speed", "fast", "faster", "quick", "run", "running", "agility")),
    ("brains", _pattern("brains?", "smart", "smarter", "think", "thinking", "study", "intelligence", "mind")),
)
GENERAL_TRAINING = "general"

ENERGY_REQUIRED: Mapping[CommandType, int] = {T.TRAIN: 20, T.PLAY: 10}

_BABY = frozenset({T.EAT, T.SLEEP, T.GOOD, T.BAD})
_CHILD = _BABY | {T.PLAY, T.TRAIN}
_TEEN = _CHILD | {T.STATUS}

UNDERSTOOD: Mapping[LifeStage, frozenset[CommandType]] = {
    LifeStage.EGG: frozenset(),
    LifeStage.BABY: _BABY,
    LifeStage.CHILD: _CHILD,
    LifeStage.TEEN: _TEEN,
    LifeStage.YOUNG_ADULT: _TEEN,
    LifeStage.ADULT: _TEEN,
    LifeStage.ELDERLY: _TEEN,
}
