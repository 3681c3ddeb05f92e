"""Two pets that are twins: one is asked for at each visit, the other rarely; time must cost both the same."""

from collections import Counter
from typing import Any

from perfcli.operations import Context, operation

COMPARED = ("life_stage", "energy", "happiness", "weight", "evolution_timer")
"""What the passing of time changes in a pet."""

_ATTEMPTS = 5
_visits: Counter[str] = Counter()


@operation
def visit(ctx: Context, twin_every: int = 40) -> None:
    """Let the time since the last visit take effect on the pet; at each `twin_every`-th visit also on its twin."""
    often, rarely = f"{ctx.user}-often", f"{ctx.user}-rarely"
    if not _visits[ctx.user]:
        adopt(ctx, often, rarely)
    _visits[ctx.user] += 1
    with ctx.timed():
        ctx.check(ctx.engine.update_pet_state(often), "update_pet_state answered no")
    if _visits[ctx.user] % twin_every == 0:
        different = differences(ctx, often, rarely)
        ctx.check(not different, f"the pet that is asked for often differs from its twin in {different}")


def adopt(ctx: Context, *users: str) -> None:
    """Give each of these users a hatched pet of the same kind."""
    for user in users:
        ctx.storage.create_user(user, user)
        ctx.engine.create_new_pet("red", user)
        ctx.engine.trigger_evolution(user, force=True)


def differences(ctx: Context, often: str, rarely: str) -> str:
    """The fields in which the twins differ, once both have been asked for at the same time."""
    for _ in range(_ATTEMPTS):
        before, twin, after = (asked(ctx, user) for user in (often, rarely, often))
        if before == after:
            return ", ".join(name for name in COMPARED if twin[name] != after[name])
    ctx.check(False, "asking again and again changes the pet")
    return ""


def asked(ctx: Context, user: str) -> dict[str, Any]:
    """What the passing of time has changed in a user's pet by now."""
    ctx.check(ctx.engine.update_pet_state(user), "update_pet_state answered no")
    pet = ctx.engine.load_existing_pet(user)
    return {name: getattr(pet, name) for name in COMPARED}
