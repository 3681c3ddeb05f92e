"""Backups of one user's data: made, read back, pruned, and restored over a pet that was changed since."""

import json
from pathlib import Path
from typing import Any

from perfcli.operations import Context, operation

COMPARED = (
    *("id", "user_id", "name", "egg_type", "life_stage", "generation"),
    *("hp", "mp", "offense", "defense", "speed", "brains"),
    *("discipline", "happiness", "weight", "care_mistakes", "energy"),
    *("birth_time", "learned_commands", "personality_traits"),
)
"""The fields of a pet that a restored backup must bring back."""


@operation(counters={"backup_bytes": "size"})
def back_up(ctx: Context) -> None:
    """Rename the pet, then back up its user's data."""
    pet = ctx.pet()
    pet.name = ctx.text(12)
    ctx.check(ctx.storage.save_pet(pet), "save_pet answered no")
    ctx.wrote(name=pet.name)
    with ctx.timed():
        ok = ctx.storage.create_backup(ctx.user)
    ctx.check(ok, "create_backup answered no")
    ctx.count("backup_bytes", len(newest_content(ctx)))


@operation
def verify_backup(ctx: Context) -> None:
    """Read the newest backup, which must hold the pet as it is."""
    pet = ctx.pet()
    with ctx.timed():
        content = newest_content(ctx)
    try:
        json.loads(content)
    except ValueError:
        ctx.check(False, "the backup is not JSON")
    for value in (pet.id, pet.name):
        ctx.check(value.encode() in content, "the backup does not hold the pet")


@operation
def prune_backups(ctx: Context, keep: int = 3) -> None:
    """Delete all but the newest backups of the user."""
    before = ctx.storage.get_backups(ctx.user, limit=1000)
    with ctx.timed():
        ok = ctx.storage.delete_old_backups(ctx.user, keep)
    ctx.check(ok, "delete_old_backups answered no")
    ctx.check(ctx.storage.get_backups(ctx.user, limit=1000) == before[:keep], "other backups are left than the newest")
    ctx.check(all(Path(backup["file_path"]).exists() for backup in before[:keep]), "the file of a kept backup is gone")


@operation
def restore_backup(ctx: Context) -> None:
    """Change the pet, then restore the newest backup, which must bring back what it was."""
    before, changed = ctx.pet(), ctx.pet()
    changed.name = ctx.text(12)
    changed.happiness = (before.happiness + 1) % 101
    ctx.check(ctx.storage.save_pet(changed), "save_pet answered no")
    with ctx.timed():
        ok = ctx.storage.restore_backup(ctx.user)
    ctx.check(ok, "restore_backup answered no")
    different = differences(before, ctx.pet())
    ctx.check(not different, f"the restored pet differs in {', '.join(different)}")
    ctx.wrote(name=before.name)


def newest_content(ctx: Context) -> bytes:
    """The file of the user's newest backup."""
    backups = ctx.storage.get_backups(ctx.user, limit=1)
    ctx.check(backups, "no backup is listed")
    return Path(backups[0]["file_path"]).read_bytes()


def differences(before: Any, after: Any) -> list[str]:
    """The fields in which two pets differ, and the texts of what was said to them."""
    fields = [name for name in COMPARED if getattr(before, name) != getattr(after, name)]
    said = [[each.user_input for each in pet.conversation_history] for pet in (before, after)]
    return fields + (["conversation_history"] if said[0] != said[1] else [])
