"""The closed lists of the engine; every value is the lower-case name."""

from enum import Enum


class _Named(Enum):
    # Members are singletons, so their identity will do, and it costs a fifth of Enum's own hash.
    __hash__ = object.__hash__


class EggType(_Named):
    """The egg a pet comes from."""

    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class LifeStage(_Named):
    """The stages of a life, in the order they are lived."""

    EGG = "egg"
    BABY = "baby"
    CHILD = "child"
    TEEN = "teen"
    YOUNG_ADULT = "young_adult"
    ADULT = "adult"
    ELDERLY = "elderly"


class CareActionType(_Named):
    """The kinds of care."""

    TRAIN = "train"
    FEED = "feed"
    PRAISE = "praise"
    SCOLD = "scold"
    REST = "rest"
    PLAY = "play"


class AttributeType(_Named):
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


class CommandType(_Named):
    """What a sentence can ask of a pet."""

    EAT = "eat"
    SLEEP = "sleep"
    GOOD = "good"
    BAD = "bad"
    TRAIN = "train"
    PLAY = "play"
    STATUS = "status"
    UNKNOWN = "unknown"


class InteractionResult(_Named):
    """How an interaction ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    INVALID_COMMAND = "invalid_command"
    INSUFFICIENT_ENERGY = "insufficient_energy"
    STAGE_INAPPROPRIATE = "stage_inappropriate"
