"""Which target a scenario drives: how it is written, and what does not go together with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.figures import Needs
from perfcli.operations import STEP_MODELS
from perfcli.operations.base import IN_PROCESS
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.overrides import parse_set
from perfcli.scenario.target import TARGET_MODELS, EmbeddedSettings, McpSettings, TargetSettings
from perfcli.targets import make_target

Mistakes = Callable[..., list[str]]
URL = "http://127.0.0.1:8000/mcp"


def scenario(target: str, flow: str = "[get_pet_status]", *thresholds: str, more: str = "") -> str:
    load = "load: {executor: shared-iterations, iterations: 1}"
    judged = ", ".join(thresholds)
    return f"name: x\n{target}\n{load}\nsetup: {{pets: 1}}\nflow: {flow}\nthresholds: [{judged}]\n{more}"


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("target: mcp", McpSettings()),
        ("target: {mcp: {transport: http}}", McpSettings(transport="http")),
        ("target: {target: mcp, transport: http}", McpSettings(transport="http")),
        (f"target: {{mcp: {{url: '{URL}'}}}}", McpSettings(url=URL)),
        ("target: {mcp: }", McpSettings()),
    ],
)
def test_written(target: str, settings: McpSettings, written: Callable[[str], Path]) -> None:
    loaded = load_scenario(written(scenario(target)))
    assert loaded.target == settings
    assert ExecutionPlan.model_validate_json(plan_run(loaded).model_dump_json(), strict=False).scenario == loaded


def test_the_engine_in_process_is_the_default(written: Callable[[str], Path]) -> None:
    assert load_scenario(written(scenario("", "[status]"))).target == EmbeddedSettings()
    assert load_scenario(written(scenario("target: embedded", "[status]"))).target == EmbeddedSettings()


def test_an_option_can_choose_it(written: Callable[[str], Path]) -> None:
    loaded = load_scenario(written(scenario("")), [parse_set("target={mcp: {transport: http}}")])
    assert loaded.target == McpSettings(transport="http")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (scenario("target: mpc"), "2:9: target: unknown target 'mpc' (did you mean 'mcp'?)"),
        (scenario("target: {mpc: {transport: http}}"), "2:10: target: unknown target 'mpc' (did you mean 'mcp'?)"),
        (
            scenario("target: {mcp: {transport: htp}}"),
            "2:27: target.mcp.transport: unknown value 'htp' (did you mean 'http'?)",
        ),
        (
            scenario("target: {mcp: {host: a}}"),
            "2:16: target.mcp.host: unknown key: use one of transport, url",
        ),
        (
            scenario("target: {mcp: {url: '127.0.0.1:8000'}}"),
            "2:21: target.mcp.url: expected a URL such as http://127.0.0.1:8000/mcp, not '127.0.0.1:8000'",
        ),
        (
            scenario("target: {mcp: {url: 'http:///mcp'}}"),
            "2:21: target.mcp.url: expected a URL such as http://127.0.0.1:8000/mcp, not 'http:///mcp'",
        ),
        (
            scenario("target: {mcp: {url: 'ftp://host/mcp'}}"),
            "2:21: target.mcp.url: expected a URL such as http://127.0.0.1:8000/mcp, not 'ftp://host/mcp'",
        ),
        (
            scenario("target: {mcp: {url: 'http://me:secret@host/mcp'}}"),
            "2:21: target.mcp.url: a URL in a file must hold no password: set DIGIPAL_MCP_TOKEN in the environment",
        ),
        (
            scenario("target: {mcp: http}"),
            "2:9: target: mcp: expected settings such as {transport: http}, not 'http'",
        ),
        (
            scenario("target: {embedded: {target: mcp}}"),
            "2:21: target.embedded.target: is not a key of embedded, which has none",
        ),
        (
            scenario("target: {mcp: {}, embedded: {}}"),
            "2:9: target: expected a target, with or without settings, e.g. mcp: {transport: http}",
        ),
        (
            scenario("target: mcp", "[get_pet_status, load_pet]"),
            "5:24: flow[1]: load_pet needs target: embedded, not mcp: it has get_pet_status, "
            "interact_with_pet, apply_care_action, create_new_pet, get_pet_statistics, trigger_evolution, "
            "get_available_actions, sleep",
        ),
        (
            scenario("", "[statistics, get_pet_statistics]"),
            "5:20: flow[1]: get_pet_statistics needs target: mcp, not embedded (did you mean 'statistics'?)",
        ),
        (
            scenario("target: mcp", "[get_pet_status]", "memory.per_pet < 1MB"),
            "6:14: thresholds[0]: memory.per_pet cannot be measured: "
            "no tool reports how many pets are in the engine's cache, or clears it",
        ),
        (
            scenario(f"target: {{mcp: {{url: '{URL}'}}}}", "[get_pet_status]", "lost_writes == 0"),
            "6:14: thresholds[0]: lost_writes cannot be measured: "
            "for a server that already runs, only the answers are known",
        ),
        (
            scenario(f"target: {{mcp: {{url: '{URL}', transport: http}}}}"),
            "2:50: target.mcp.transport: does not go with the url of a server that runs already: remove it",
        ),
        (
            scenario(f"target: {{mcp: {{url: '{URL}'}}}}", more="engine: {ai: {latency: 0ms}}"),
            "7:1: engine: does not go with the url of a server that runs already: remove it",
        ),
        (
            scenario("target: mcp").replace("pets: 1", "pets: 0"),
            "4:15: setup.pets: get_pet_status needs pets that exist: "
            "set setup.pets to 1 or more, or put create_new_pet before it",
        ),
        (
            scenario("target: mcp", "[apply_care_action: {actions: [fly]}, interact_with_pet: {texts: ['']}]"),
            "5:38: flow[0].apply_care_action.actions[0]: unknown care action 'fly'",
        ),
    ],
)
def test_mistakes(text: str, message: str, mistakes: Mistakes) -> None:
    told = mistakes(text)
    assert told
    assert told[0].startswith(f"s.yaml:{message}")


def test_every_operation_has_its_target() -> None:
    by_target: dict[str, list[str]] = {"embedded": [], "mcp": []}
    for name in STEP_MODELS:
        for target in STEP_MODELS[name].targets:
            by_target[target].append(name)
    assert set(by_target["embedded"]) & set(by_target["mcp"]) == {"sleep"}
    assert len(by_target["mcp"]) == 7 + 1


@pytest.mark.parametrize(
    ("embedded", "tool"),
    [("create_pet", "create_new_pet"), ("interact", "interact_with_pet"), ("care", "apply_care_action")],
)
def test_what_means_the_same_is_told_the_same(embedded: str, tool: str) -> None:
    ours, theirs = STEP_MODELS[embedded], STEP_MODELS[tool]
    assert ours.model_fields.keys() == theirs.model_fields.keys()
    one, other = ours.model_construct(), theirs.model_construct()
    assert one.choices == other.choices
    assert one.effects.texts == other.effects.texts
    assert one.effects.creates_pet == other.effects.creates_pet
    assert one.waits_for_ai == other.waits_for_ai


def test_the_plan_says_what_is_driven(make_plan: Callable[..., ExecutionPlan]) -> None:
    pets = {"setup": {"pets": 1}}
    over_stdio = make_plan(["interact_with_pet"], target="mcp", **pets).describe()
    assert over_stdio.endswith("through MCP over stdio; 1 pet set up; AI 50ms")
    found = make_plan(["interact_with_pet"], target={"mcp": {"url": URL}}, **pets).describe()
    assert found.endswith(f"the MCP server at {URL}; 1 pet set up")
    assert "MCP" not in make_plan(["status"], **pets).describe()


def test_a_server_over_stdio_has_one_client(mistakes: Mistakes) -> None:
    (mistake,) = mistakes(scenario("target: mcp", more="pool: {processes: 2}\n"))
    assert mistake.endswith(
        "pool: does not go with target mcp: a server over stdio has one client: write target: {mcp: {transport: http}}"
    )


@pytest.mark.parametrize(
    ("settings", "in_process", "watchable", "restartable", "clears_cache", "shareable"),
    [
        (EmbeddedSettings(), True, True, True, True, False),
        (McpSettings(), False, True, False, False, False),
        (McpSettings(transport="http"), False, True, False, False, True),
        (McpSettings(url=URL), False, False, False, False, True),
    ],
)
def test_what_targets_offer(
    settings: TargetSettings, in_process: bool, watchable: bool, restartable: bool, clears_cache: bool, shareable: bool
) -> None:
    offered = (settings.in_process, settings.watchable, settings.restartable, settings.clears_cache, settings.shareable)
    assert offered == (in_process, watchable, restartable, clears_cache, shareable)
    lacking = [need for need in Needs if need is not Needs.ANSWERS and need not in settings.lacks]
    wanted = {
        Needs.ENGINE: in_process,
        Needs.PROCESS: watchable,
        Needs.DATABASE: watchable,
        Needs.FIELDS: restartable,
        Needs.CACHE: clears_cache,
        Needs.CONNECTIONS: shareable,
    }
    assert set(lacking) == {need for need, is_offered in wanted.items() if is_offered}
    assert all(settings.lacks.values())


def test_each_target_has_settings_steps_and_an_engine(make_plan: Callable[..., ExecutionPlan], tmp_path: Path) -> None:
    assert list(TARGET_MODELS) == list(IN_PROCESS)
    for name in TARGET_MODELS:
        (operation,) = [each for each in ("status", "get_pet_status") if name in STEP_MODELS[each].targets]
        plan = make_plan([operation], target=name, setup={"pets": 1})
        assert type(make_target(plan, tmp_path / "d.db")).__module__ == f"perfcli.targets.{name}"
