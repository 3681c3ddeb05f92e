"""The closed lists of the engine; every value is the lower-case name."""

from enum import Enum


class EggType(Enum):
    """The egg a pet comes from."""

    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class LifeStage(Enum):
    """The stages of a life, in the order they are lived."""

    EGG = "egg"
    BABY = "baby"
    CHILD = "child"
    TEEN = "teen"
    YOUNG_ADULT = "young_adult"
    ADULT = "adult"
    ELDERLY = "elderly"


class CareActionType(Enum):
    """The kinds of care."""

    TRAIN = "train"
    FEED = "feed"
    PRAISE = "praise"
    SCOLD = "scold"
    REST = "rest"
    PLAY = "play"


class AttributeType(Enum):
    """The numbers of a pet; each value is the name of the pet's attribute."""

    HP = "hp"
    MP = "mp"
    OFFENSE = "offense"
    DEFENSE = "defense"
    SPEED = "speed"
    BRAINS = "brains"
    DISCIPLINE = "discipline"
    HAPPINESS = "happiness"
    WEIGHT = "weight"
    CARE_MISTAKES = "care_mistakes"
    ENERGY = "energy"


class CommandType(Enum):
    """What a sentence can ask of a pet."""

    EAT = "eat"
    SLEEP = "sleep"
    GOOD = "good"
    BAD = "bad"
    TRAIN = "train"
    PLAY = "play"
    STATUS = "status"
    UNKNOWN = "unknown"


class InteractionResult(Enum):
    """How an interaction ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    INVALID_COMMAND = "invalid_command"
    INSUFFICIENT_ENERGY = "insufficient_energy"
    STAGE_INAPPROPRIATE = "stage_inappropriate"
