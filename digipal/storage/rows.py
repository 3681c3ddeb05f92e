"""Pets and interactions as rows, and back."""

import json
import sqlite3
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

from digipal.core.arguments import LONGEST_JSON, LONGEST_TEXT, check_text
from digipal.core.decay import Decay
from digipal.core.enums import AttributeType, EggType, InteractionResult, LifeStage
from digipal.core.models import DigiPal, Interaction
from digipal.errors import StorageError

PET_COLUMNS = (
    "name",
    "egg_type",
    "life_stage",
    "generation",
    "hp",
    "mp",
    "offense",
    "defense",
    "speed",
    "brains",
    "discipline",
    "happiness",
    "weight",
    "care_mistakes",
    "energy",
    "birth_time",
    "last_interaction",
    "evolution_timer",
    "learned_commands",
    "personality_traits",
    "current_image_path",
    "image_generation_prompt",
    "decayed_seconds",
    "decay_spell_seconds",
)
"""What a save writes anew, in the order of pet_values; id, user_id and revision stand apart."""

INTERACTION_COLUMNS = (
    "timestamp",
    "user_input",
    "interpreted_command",
    "pet_response",
    "attribute_changes",
    "success",
    "result",
)

_USUAL_TYPES = (str,) * 3 + (int,) * 12 + (str,) * 2 + (float,) + (str,) * 4 + (float,) * 2
"""Of PET_COLUMNS."""
_LIMITS = [
    (PET_COLUMNS.index(name), LONGEST_TEXT) for name in ("name", "current_image_path", "image_generation_prompt")
] + [(PET_COLUMNS.index(name), LONGEST_JSON) for name in ("learned_commands", "personality_traits")]
"""(position among PET_COLUMNS, limit in characters) of what a caller may make long."""
_NO_ACCOUNT_S = -1.0
"""The spell of a pet whose decay nobody has kept account of yet, as it is by default for one of another engine."""
_UNKNOWN_TIME = datetime(1970, 1, 1)

# What nearly every save writes is a handful of numbers under these names, and json takes three times as long for it.
_KEYS = {
    name: f'"{name}": '
    for name in (*(a.value for a in AttributeType), "friendliness", "playfulness", "obedience", "curiosity")
}
_encode = json.JSONEncoder().encode
_LONGEST_USUAL = 200
_UNREADABLE = (KeyError, ValueError, TypeError, OverflowError)

_EGG_TYPES = {egg.value: egg for egg in EggType}
_STAGES = {stage.value: stage for stage in LifeStage}
_RESULTS = {result.value: result for result in InteractionResult}


def encode_dict(value: dict[str, Any]) -> str:
    """The dict as JSON text; TypeError for what would come back as something else, such as a key that is no text."""
    parts = []
    for name, number in value.items():
        key = _KEYS.get(name)
        kind = type(number)
        if key is None or not (kind is int or (kind is float and isfinite(number))):
            return _encode_faithfully(value)
        parts.append(f"{key}{number!r}")
    return f"{{{', '.join(parts)}}}"


def _encode_faithfully(value: dict[str, Any]) -> str:
    text = _encode(value)
    # By what they print as, since NaN is not equal to itself.
    if repr(json.loads(text)) != repr(value):
        raise TypeError(f"{value!r:.200} would come back from JSON as {text:.200}")
    return text


def decode_dict(text: str | None) -> dict[str, Any]:
    """The inverse of encode_dict; NULL, as earlier engines wrote it, is an empty dict."""
    if text is None or text == "{}":
        return {}
    return _decode(text)


@lru_cache(maxsize=256)
def _encode_commands(commands: frozenset[str]) -> str:
    """Pets of one stage mostly know the same commands, and every save writes them."""
    if strange := [command for command in commands if not isinstance(command, str)]:
        raise TypeError(f"learned_commands holds {strange[0]!r}, which is not text")
    return _encode(sorted(commands))


@lru_cache(maxsize=256)
def _decode_numbers(text: str) -> dict[str, Any]:
    return _decode(text)


def _decode(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object: {text!r}")
    return value


def decode_changes(text: str | None) -> dict[str, int]:
    """Like decode_dict, for attribute changes: a history holds the same few over and over."""
    if text is None or len(text) > _LONGEST_USUAL:
        return decode_dict(text)
    return dict(_decode_numbers(text))


def pet_values(pet: DigiPal) -> tuple[Any, ...]:
    """What PET_COLUMNS hold for this pet; TypeError for a value that would not come back as it is."""
    decay = pet.decay_so_far()
    values = (
        pet.name,
        pet.egg_type._value_,  # without a call of Python's own, which .value is
        pet.life_stage._value_,
        pet.generation,
        pet.hp,
        pet.mp,
        pet.offense,
        pet.defense,
        pet.speed,
        pet.brains,
        pet.discipline,
        pet.happiness,
        pet.weight,
        pet.care_mistakes,
        pet.energy,
        _naive_text(pet.birth_time),
        _naive_text(pet.last_interaction),
        pet.evolution_timer,
        _encode_commands(frozenset(pet.learned_commands)),
        encode_dict(pet.personality_traits),
        pet.current_image_path,
        pet.image_generation_prompt,
        decay.paid.total_seconds(),
        _NO_ACCOUNT_S if pet.decay is None else decay.spell.total_seconds(),
    )
    if tuple(map(type, values)) != _USUAL_TYPES or not isfinite(pet.evolution_timer):
        _refuse_unfit(values)
    # all texts together first, as they are short in nearly every pet
    if len(values[0]) + len(values[18]) + len(values[19]) + len(values[20]) + len(values[21]) > LONGEST_TEXT:
        _refuse_long(values)
    return values


def _refuse_long(values: tuple[Any, ...]) -> None:
    for position, limit in _LIMITS:
        check_text(f"pet.{PET_COLUMNS[position]}", values[position], limit)


def _naive_text(time: datetime) -> str:
    if time.tzinfo is not None:
        raise TypeError(f"{time!r} has a time zone, and times here are local without one")
    return time.isoformat()


def _refuse_unfit(values: tuple[Any, ...]) -> None:
    """SQLite would take text for a number, and would take NaN for nothing at all."""
    for name, value, usual in zip(PET_COLUMNS, values, _USUAL_TYPES, strict=True):
        if not (isinstance(value, str) if usual is str else isinstance(value, int | float) and isfinite(value)):
            raise TypeError(f"{name} is {value!r}")


def _filled(values: list[Any]) -> tuple[Any, ...]:
    """The values with those of a new pet for what another engine left out."""
    new = pet_values(DigiPal())
    filled = tuple(default if value is None else value for value, default in zip(values, new, strict=True))
    _refuse_unfit(filled)
    return filled


def read_pet(row: sqlite3.Row, history: list[Interaction]) -> DigiPal:
    """The pet of a row (id, user_id, PET_COLUMNS); StorageError when the row makes no pet."""
    try:
        return DigiPal.restore(_field_values(row, history))
    except _UNREADABLE as error:
        raise StorageError(f"pet {row[0]!r} is stored in a form this engine cannot read: {error!r}") from error


def _field_values(row: sqlite3.Row, history: list[Interaction]) -> dict[str, Any]:
    pet_id, user_id, *stored = row[: 2 + len(PET_COLUMNS)]
    values = stored if tuple(map(type, stored)) == _USUAL_TYPES else _filled(stored)
    (
        name,
        egg_type,
        life_stage,
        generation,
        hp,
        mp,
        offense,
        defense,
        speed,
        brains,
        discipline,
        happiness,
        weight,
        care_mistakes,
        energy,
        birth_time,
        last_interaction,
        evolution_timer,
        learned_commands,
        personality_traits,
        current_image_path,
        image_generation_prompt,
        decayed_seconds,
        decay_spell_seconds,
    ) = values
    interacted = _read_time(last_interaction)
    return {
        "id": pet_id,
        "user_id": user_id,
        "name": name,
        "egg_type": _EGG_TYPES[egg_type],
        "life_stage": _STAGES[life_stage],
        "generation": generation,
        "hp": hp,
        "mp": mp,
        "offense": offense,
        "defense": defense,
        "speed": speed,
        "brains": brains,
        "discipline": discipline,
        "happiness": happiness,
        "weight": weight,
        "care_mistakes": care_mistakes,
        "energy": energy,
        "birth_time": _read_time(birth_time),
        "last_interaction": interacted,
        "evolution_timer": evolution_timer,
        "conversation_history": history,
        "learned_commands": _decode_commands(learned_commands),
        "personality_traits": decode_dict(personality_traits),
        "current_image_path": current_image_path,
        "image_generation_prompt": image_generation_prompt,
        "decay": _read_decay(interacted, decayed_seconds, decay_spell_seconds),
    }


def _read_decay(interaction: datetime, paid_s: float, spell_s: float) -> Decay | None:
    if spell_s < 0:
        return None
    return Decay(interaction, timedelta(seconds=paid_s), timedelta(seconds=spell_s))


def _decode_commands(text: str) -> set[str]:
    commands = json.loads(text) if text and text != "[]" else []
    if not isinstance(commands, list):
        raise ValueError(f"learned_commands is not a JSON list: {text!r:.200}")
    return set(commands)


def _read_time(text: str) -> datetime:
    """A naive local time, whatever zone another engine may have written it in."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is None else time.astimezone().replace(tzinfo=None)


def interaction_values(interaction: Interaction) -> tuple[Any, ...]:
    """What INTERACTION_COLUMNS hold for this interaction; TypeError for words that are no text."""
    words = (interaction.user_input, interaction.interpreted_command, interaction.pet_response)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"an interaction holds {word!r} where text belongs")
        if len(word) > LONGEST_TEXT:
            check_text("a text of an interaction", word)
    return (
        _naive_text(interaction.timestamp),
        *words,
        encode_dict(interaction.attribute_changes),
        interaction.success,
        interaction.result._value_,
    )


def read_history(text: str, place: tuple[str, str]) -> list[Interaction]:
    """The interactions of a JSON list of [row id, *INTERACTION_COLUMNS], oldest first, marked as stored."""
    if text == "[]":
        return []
    try:
        history = [
            Interaction(
                _read_time(timestamp) if timestamp is not None else _UNKNOWN_TIME,
                user_input,
                interpreted_command or "",
                pet_response or "",
                decode_changes(changes),
                success is None or bool(success),
                _RESULTS[result] if result is not None else InteractionResult.SUCCESS,
            )
            for _, timestamp, user_input, interpreted_command, pet_response, changes, success, result in sorted(
                json.loads(text)
            )
        ]
    except _UNREADABLE as error:
        raise StorageError(f"the history of pet {place[1]!r} holds an unreadable row: {error!r}") from error
    for interaction in history:
        interaction.storage_mark = place
    return history
