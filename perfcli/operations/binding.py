"""What operations are bound to: an engine as one vu sees it, in this process or behind the tools of its server."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from perfcli.operations.call import Call
from perfcli.operations.digipal_data import (
    TORN,
    PetRef,
    ToolAnswer,
    VuPets,
    expect_interaction,
    expect_pet,
    expect_tool_interaction,
)
from perfcli.operations.own.binding import OwnVu, Reach, RunCoroutine
from perfcli.operations.save_canaries import CANARY_FIELDS, TORN_KEY, CanaryMode, SaveCanaries, saves_in

_WRITTEN_BY_SAVES: Final = "save_pet steps of this scenario write it too: remove one of them"


@dataclass(eq=False, slots=True)
class EmbeddedVu:
    """The engine in this process, for the steps of one vu.

    Args:
        core: the DigiPalCore.
        storage: its StorageManager.
        shown: takes what `telling` reads saw, which travels with the samples.
        telling: the places in the flow whose reads tell which save they saw.
        on_created: for each step, whether a step before it creates the pet it acts on.
        own_operations: those of the user's own.
    """

    pets: VuPets
    canaries: SaveCanaries
    core: Any
    storage: Any
    shown: array[int]
    telling: Collection[int]
    on_created: Sequence[bool]
    own_operations: OwnVu
    unsaved: str = field(default="", init=False)
    """The user whose copied pet is about to be saved, or could not be."""

    def on_pet(self, invoke: Callable[..., Any], check: Callable[[PetRef, Any], str]) -> Call:
        """A call with the user id alone, checked against the pet it acts on."""
        set_up, of = self.pets.set_up, self.pets.of
        acted_on = PetRef("", "")

        def arguments(user: int, choice: int) -> tuple[str]:
            nonlocal acted_on
            acted_on = set_up[user] if user >= 0 else of(user)
            return (acted_on[0],)

        return Call(arguments, invoke, lambda _, answer: check(acted_on, answer))

    def read(self, place: int, invoke: Callable[..., Any]) -> Call:
        """A call that reads a pet by its user id; the pet must be whole, and it may tell which save it shows."""
        set_up, of, show = self.pets.set_up, self.pets.of, self.shown.append
        look, tells = self._look(place), place in self.telling
        acted_on = PetRef("", "")

        def arguments(user: int, choice: int) -> tuple[str]:
            nonlocal acted_on
            acted_on = set_up[user] if user >= 0 else of(user)
            return (acted_on[0],)

        def check(_: tuple[Any, ...], answer: Any) -> str:
            user_id, pet_id = acted_on
            # the plain case by itself: it is much of what the harness does beside the engine
            if answer is None or answer.user_id != user_id or answer.id != pet_id:
                return expect_pet(acted_on, answer)
            if look is None:
                return ""
            key = look(answer)
            if key == TORN_KEY:
                return TORN
            if tells:
                show(key)
            return ""

        return Call(arguments, invoke, check)

    def talk(self, invoke: Callable[..., Any], words: Sequence[str], field: str, *, accept_refusal: bool) -> Call:
        """A call with the user id and words, answered by an interaction that holds them in `field`."""
        of = self.pets.of
        return Call(
            lambda user, choice: (of(user).user_id, words[choice]),
            invoke,
            lambda said, answer: expect_interaction(said[1], field, answer, accept_refusal=accept_refusal),
        )

    def own(self, operation: str, settings: Mapping[str, Any], place: int) -> Call:
        """A call of a function of the user's own, with this engine at hand."""
        of, pets = self.pets.of, self.core.active_pets
        reach = Reach(
            user_of=lambda index: of(index).user_id,
            engine=self.core,
            storage=self.storage,
            load_pet=self.storage.load_pet,
            refused_fields=dict.fromkeys(CANARY_FIELDS, _WRITTEN_BY_SAVES)
            if self.canaries.mode is not CanaryMode.NONE
            else {},
            evict=lambda user: pets.pop(user, None),
        )
        return self.own_operations.call(operation, settings, place, reach)

    def _look(self, place: int) -> Callable[[Any], int] | None:
        """What tells which save a pet that was read comes from; None if nothing does."""
        if self.on_created[place]:
            return lambda pet: saves_in(pet.name)
        return self.canaries.key_of if self.canaries.mode.in_fields else None


class ToolError(Exception):
    """A tool answered with an error; `details` are those for programs."""

    def __init__(self, text: str, details: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.details = details


@dataclass(eq=False, slots=True)
class ToolVu:
    """The tools of an MCP server, for the steps of one vu.

    Args:
        call_tool: (tool, arguments) → its answer; raises ToolError.
        own_operations: those of the user's own.
        call_tool_async: `call_tool` to be awaited on the session's event loop.
        run_coroutine: runs a coroutine on that loop and waits for it.
    """

    pets: VuPets
    call_tool: Callable[[str, Mapping[str, Any]], ToolAnswer]
    own_operations: OwnVu
    call_tool_async: Callable[[str, Mapping[str, Any]], Awaitable[ToolAnswer]]
    run_coroutine: RunCoroutine

    def own(self, operation: str, settings: Mapping[str, Any], place: int) -> Call:
        """A call of a function of the user's own, with the tools at hand."""
        of = self.pets.of
        reach = Reach(
            user_of=lambda index: of(index).user_id, call_tool=self.call_tool_async, run_coroutine=self.run_coroutine
        )
        return self.own_operations.call(operation, settings, place, reach)

    def tool(self, name: str, *, accept_refusal: bool = False) -> Callable[[Mapping[str, Any]], ToolAnswer]:
        """A function that calls one tool."""

        def invoke(arguments: Mapping[str, Any]) -> ToolAnswer:
            try:
                return self.call_tool(name, arguments)
            except ToolError as error:
                # the error of a refusal holds what came of it; any other error does not
                if accept_refusal and error.details.get("success") is False:
                    return dict(error.details)
                raise

        return invoke

    def on_pet(
        self,
        tool: str,
        check: Callable[[PetRef, ToolAnswer], str],
        settings: Mapping[str, Any] | None = None,
        *,
        accept_refusal: bool = False,
    ) -> Call:
        """A call with the user id and settings, checked against the pet it acts on."""

        def arguments(user: int, choice: int) -> tuple[ToolAnswer, PetRef]:
            pet = self.pets.of(user)
            return {"user_id": pet.user_id, **(settings or {})}, pet

        invoke = self.tool(tool, accept_refusal=accept_refusal)
        return Call(arguments, lambda given, pet: invoke(given), lambda given, answer: check(given[1], answer))

    def talk(self, tool: str, argument: str, words: Sequence[str], echo: str, *, accept_refusal: bool) -> Call:
        """A call with the user id and words, answered by an interaction that holds them in `echo`."""

        def check(asked: tuple[Any, ...], answer: ToolAnswer) -> str:
            (given,) = asked
            return expect_tool_interaction(
                given["user_id"], given[argument], echo, answer, accept_refusal=accept_refusal
            )

        return Call(
            lambda user, choice: ({"user_id": self.pets.of(user).user_id, argument: words[choice]},),
            self.tool(tool, accept_refusal=accept_refusal),
            check,
        )
