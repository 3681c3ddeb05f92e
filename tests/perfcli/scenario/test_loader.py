"""The loader as a whole: the design's example loads; a file full of mistakes tells all of a round, in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.errors import ExitCode, UsageError
from perfcli.executors import EXECUTORS
from perfcli.scenario import library
from perfcli.scenario.library import recorded_reads, shipped_scenarios
from perfcli.scenario.loader import ScenarioFileError, load_scenario, load_scenarios
from perfcli.scenario.overrides import Override, parse_set, workers

Mistakes = Callable[..., list[str]]
Write = Callable[[str], Path]

NONE_OF = f"expected one of {', '.join(EXECUTORS)}"
TERRIBLE = """\
name: 9 lives
descripton: everything is wrong here
tags: [quick, "two words", 7, yes]
engine:
  ai: {latency: 50, jitter: 5sec, error_rate: 120%}
  cache: big
setup: {pets: -1}
load:
  executor: shard-iterations
  vus: five
  iterations: 1.5
  iterations: 20
  max_duration: 0s
  warmpu: 2s
  duration: 3s
users: everyone
flow:
  - lod_pet: {weight: heavy, sauce: engine}
  - save_pet
  - care:
    actions: [meat]
  - care: {actions: [meat, plya], name: "a b"}
  - interact: {texts: [], order: randomly, accept_refusal: yes}
  - sleep: 50
  - create_pet: {egg_types: [blu], name: save_pet}
  - frobnicate
  -
  - sleep
  - status: {texts: [hi]}
  - load_pet: 3
thresholds:
  - lod_pet.latency.mean < 100ms
  - latncy.mean < 5ms
  - latency.p101 < 5ms
  - latency < 5ms
  - latency.max < 500
  - memory.growth < 50 mb
  - success_rate >= 0.95
  - save_pet.lost_writes == 0
  - {exp: "error_rate < 1%", abort_on_fail: maybe}
  - sleep.latency.max < 1s
  - nonsense
"""

TOLD = """\
1:7: name: '9 lives' is not a name (a letter, then letters, digits, _ and -, 64 at most)
2:1: descripton: unknown key (did you mean 'description'?)
3:15: tags[1]: 'two words' is not a name (a letter, then letters, digits, _ and -, 64 at most): write two_words
3:28: tags[2]: expected text, not 7: put it in quotes
5:17: engine.ai.latency: 50 has no unit: write 50ms or 50s
5:29: engine.ai.jitter: unknown unit 'sec' in '5sec' (did you mean 's'?)
5:47: engine.ai.error_rate: '120%' is not between 0% and 100%
6:3: engine.cache: unknown key: use ai
7:15: setup.pets: must be 0 to 1,000,000, not -1
9:13: load.executor: unknown executor 'shard-iterations' (did you mean 'shared-iterations'?)
10:8: load.vus: expected a whole number, not 'five'
11:15: load.iterations: expected a whole number, not 1.5
12:3: load.iterations: written twice, first on line 11: remove one of them
13:17: load.max_duration: '0s' is not a duration above 0: write e.g. 500ms
14:3: load.warmpu: unknown key (did you mean 'warmup'?)
15:3: load.duration: is not a key of shared-iterations: use one of think_time, warmup, start_after, graceful_stop, \
vus, max_duration, executor, iterations
16:8: users: unknown value 'everyone': use one of own, uniform, {zipf: 1.1}
18:5: flow[0]: unknown operation 'lod_pet' (did you mean 'load_pet'?)
18:23: flow[0].load_pet.weight: expected a number, not 'heavy'
18:30: flow[0].load_pet.sauce: unknown key (did you mean 'source'?)
20:5: flow[2]: 'actions' is beside care: indent it, to make it a setting of care
22:28: flow[3].care.actions[1]: unknown care action 'plya' (did you mean 'play'?)
22:41: flow[3].care.name: 'a b' is not a name (a letter, then letters, digits, _ and -, 64 at most): write a_b
23:23: flow[4].interact.texts: is empty: write 1 item or more
23:34: flow[4].interact.order: unknown value 'randomly' (did you mean 'random'?)
23:60: flow[4].interact.accept_refusal: expected true or false, not 'yes': write true
24:12: flow[5].sleep: 50 has no unit: write 50ms or 50s
25:30: flow[6].create_pet.egg_types[0]: unknown value 'blu' (did you mean 'blue'?)
26:5: flow[7]: unknown operation 'frobnicate': use one of create_pet, load_pet, save_pet, interact, care, status, \
statistics, clear_history, evict, get_pet_status, interact_with_pet, apply_care_action, create_new_pet, \
get_pet_statistics, trigger_evolution, get_available_actions, sleep; for one of your own, add operations: [FILE.py]
27:4: flow[8]: has no value: write one, or remove it
28:5: flow[9]: sleep has no duration: write sleep: 50ms
29:14: flow[10].status.texts: is not a key of status: use one of name, weight, only_if, timeout
30:5: flow[11]: load_pet: expected settings such as {weight: 8}, not 3
33:5: thresholds[1]: unknown metric 'latncy.mean' (did you mean 'latency'?)
34:5: thresholds[2]: unknown statistic 'p101': use min, mean, median, p50, p90, p95, p99, p99.9, max, \
stddev or any percentile such as p99.5
35:5: thresholds[3]: latency needs a statistic: write latency.mean, latency.p99 or latency.max
36:5: thresholds[4]: latency: '500' has no unit: write 500ms or 500s
37:5: thresholds[5]: memory.growth: unknown unit 'mb' in '50 mb' (did you mean 'MB'?)
38:5: thresholds[6]: success_rate: '0.95' has no unit: write 95%
39:5: thresholds[7]: lost_writes belongs to the whole run: write it without 'save_pet.'
40:5: thresholds[8].expr: required key is missing (what must hold, e.g. latency.p99 < 100ms)
40:6: thresholds[8].exp: unknown key (did you mean 'expr'?)
40:45: thresholds[8].abort_on_fail: expected true or false, not 'maybe'
42:5: thresholds[10]: 'nonsense' is not a threshold: write [operation.]metric[.statistic] OP value, e.g. \
load_pet.latency.p99 < 100ms
"""

SENSELESS = """\
name: nine_lives
target: mcp
pool: {processes: 2}
flow:
  - get_pet_status: {weight: 2}
  - interact_with_pet: {name: get_pet_status}
  - save_pet: {only_if: get_pet_status}
  - sleep: 50ms
phases:
  - {name: calm, load: {executor: constant-vus, duration: 1s, vus: [1, 2]}}
  - name: calm-2
    load: {executor: constant-vus, duration: 1s}
    flow: [get_pet_status, apply_care_action: {name: feed, only_if: fed}]
    thresholds:
      - fidelity.differences == 0
      - fed.latency.max < 1s
  - {name: idle, load: {executor: constant-vus, duration: 1s}, flow: [sleep: 1s]}
thresholds:
  - lod_pet.latency.mean < 100ms
  - sleep.latency.max < 1s
  - {expr: growth.ratio < 2, delay_abort_eval: 1s}
  - {expr: iterations > 5, abort_on_fail: true}
  - {expr: feed.latency.max < 1s, strict: false, exit_code: 20, abort_on_fail: true}
  - memory.per_pet < 1MB
"""

WITHOUT_SENSE = """\
3:1: pool: does not go with target mcp: a server over stdio has one client: write\
 target: {mcp: {transport: http}}
5:5: flow[0]: get_pet_status needs pets that exist: set setup.pets to 1 or more
6:5: flow[1]: has no weight, though other steps have one (1 of 4): give one to every step (a mix), or to none (in \
order)
6:5: flow[1]: 'get_pet_status' is already the name of a get_pet_status step: samples of two operations cannot share \
one name
7:5: flow[2]: save_pet needs target: embedded, not mcp: it has get_pet_status, interact_with_pet, \
apply_care_action, create_new_pet, get_pet_statistics, trigger_evolution, get_available_actions, sleep
7:25: flow[2].save_pet.only_if: a mix runs one step per iteration, so no step runs before this one: remove the \
weights, or only_if
11:11: phases[1].name: two phases are named 'calm-2' (the other on line 10): rename one
13:69: phases[1].flow[1].apply_care_action.only_if: no step before this one is named 'fed': before it comes \
get_pet_status
15:9: phases[1].thresholds[0]: fidelity.differences belongs to the whole run: move it to the scenario's own \
thresholds
15:9: phases[1].thresholds[0]: fidelity.differences cannot be measured: the tools answer in prose, which cannot be \
compared field by field; remove this threshold
16:9: phases[1].thresholds[1]: no step of the flow is named 'fed' (did you mean 'feed'?)
17:71: phases[2].flow: has only sleep, so nothing is measured: add an operation
19:5: thresholds[0]: no step of any phase is named 'lod_pet': use one of get_pet_status, save_pet, feed
20:5: thresholds[1]: 'sleep' is a sleep, which is not measured: name an operation
21:12: thresholds[2].expr: growth.ratio needs a size: add growth: {over: pets} or growth: {over: interactions}
21:30: thresholds[2].delay_abort_eval: needs abort_on_fail: true: without it a threshold is judged only at the end
22:43: thresholds[3].abort_on_fail: iterations starts at 0, so this limit would end the load at once: remove \
abort_on_fail
23:50: thresholds[4].exit_code: a threshold with strict: false cannot set the exit code: remove one of the two
23:65: thresholds[4].abort_on_fail: a threshold with strict: false cannot end the load: remove one of the two
24:5: thresholds[5]: memory.per_pet cannot be measured: no tool reports how many pets are in the engine's cache, or \
clears it; remove this threshold
"""


def test_the_example_of_the_design_loads(written: Write, valid: str) -> None:
    scenario = load_scenario(written(valid))
    (phase,) = scenario.phases_to_run
    assert (scenario.name, scenario.setup.pets) == ("database_under_load", 50)
    assert (phase.name, phase.load.vus, phase.is_mix) == ("load", 5, True)
    assert scenario.labels == ["load_pet", "save_pet"]
    assert [rule.abort_on_fail for rule in scenario.thresholds] == [False, False, False, False, True]


def test_every_mistake_of_shape_is_told_at_once_in_order(mistakes: Mistakes) -> None:
    assert mistakes(TERRIBLE) == [f"s.yaml:{line}" for line in TOLD.splitlines()]


def test_every_mistake_of_sense_is_told_at_once_in_order(mistakes: Mistakes) -> None:
    assert mistakes(SENSELESS) == [f"s.yaml:{line}" for line in WITHOUT_SENSE.splitlines()]


def test_a_mistake_of_shape_hides_those_of_sense_and_nothing_else(mistakes: Mistakes) -> None:
    shape = ["s.yaml:25:1: polo: unknown key (did you mean 'pool'?)", "s.yaml:26:7: users: has no value"]
    told = mistakes(f"{SENSELESS}polo: 1\nusers:\n")
    assert [line[: len(start)] for line, start in zip(told, shape, strict=True)] == shape
    assert len(mistakes(SENSELESS)) == len(WITHOUT_SENSE.splitlines())


@pytest.mark.parametrize(
    ("load", "told"),
    [
        (
            "{vus: five}",
            ["2:1: load.executor: required key is missing: use one of ", "2:13: load.vus: expected a whole number"],
        ),
        (
            "{executor: turbo, duration: 5, vuz: 1, iterations: 2}",
            [
                "2:18: load.executor: unknown executor 'turbo': use one of shared-iterations, per-vu-iterations, ",
                "2:38: load.vuz: unknown key",
            ],
        ),
        (
            "{executor: 5, vus: 1.5}",
            [f"2:18: load.executor: {NONE_OF}, not 5", "2:26: load.vus: "],
        ),
        (
            "{executor: [a]}",
            [f"2:18: load.executor: {NONE_OF}, not a list"],
        ),
        (
            "{executor: }",
            [f"2:17: load.executor: {NONE_OF}, not nothing"],
        ),
        (
            "[1]",
            ["2:7: load: expected a section with keys, not a list: write {executor: "],
        ),
        ("", ["2:6: load: has no value: indent its keys below it, or remove it"]),
        ("{executor: constant-vus}", ["2:1: load.duration: required key is missing (length of the load)"]),
        ("{executor: constant-vus, duration: 1s, vus: 1001}", ["2:51: load.vus: must be at most 1,000, not 1001"]),
    ],
)
def test_mistakes_of_a_load(mistakes: Mistakes, load: str, told: list[str]) -> None:
    found = mistakes(f"name: x\nload: {load}\nflow: [create_pet]\n")
    assert [line[: len(f"s.yaml:{start}")] for line, start in zip(found, told, strict=True)] == [
        f"s.yaml:{start}" for start in told
    ]


def test_long_and_unprintable_values_are_cut_and_escaped(mistakes: Mistakes) -> None:
    long, escape = "y" * 10_000, r'"\e[31mred"'
    told = mistakes(f"name: {long}\n{escape}: 1\nusers: {escape}\nload: 3\nflow: [create_pet]")
    assert max(map(len, told)) < 220
    assert "".join(told).isprintable()


@pytest.mark.slow
def test_only_the_first_hundred_mistakes_are_told(mistakes: Mistakes, valid: str) -> None:
    told = mistakes(valid + "".join(f"k{n}: 1\n" for n in range(5_000)))
    assert len(told) == 101
    assert told[99].startswith("s.yaml:121:1: k99: ")
    assert told[100] == "s.yaml: has more mistakes: these are the first 100"


def test_what_is_empty_is_a_mistake_of_shape(mistakes: Mistakes) -> None:
    told = mistakes("nam: x\nload:\nphases: []\nflow: []\nthresholds: [foo.latency.max < 1s]")
    assert told[2:] == [
        "s.yaml:2:6: load: has no value: indent its keys below it, or remove it",
        "s.yaml:3:9: phases: is empty: write 1 item or more",
        "s.yaml:4:7: flow: is empty: write 1 item or more",
    ]
    phase = "{name: a, load: {executor: constant-vus, duration: 1s}, flow: []}"
    assert mistakes(f"name: x\nphases: [{phase}]\nflow: [status]") == [
        "s.yaml:2:72: phases[0].flow: is empty: write 1 item or more"
    ]


def test_mistakes_of_several_files_are_told_together(written: Write, valid: str) -> None:
    good = written(valid)
    bad = good.with_name("bad.yaml")
    bad.write_text("name: 5\nload: 3\nflow: [create_pet]")
    with pytest.raises(ScenarioFileError) as caught:
        load_scenarios([bad, good, Path("gone.txt")], [workers(0)])
    assert caught.value.exit_code is ExitCode.USAGE
    assert [problem.file for problem in caught.value.problems] == [
        "bad.yaml",
        "bad.yaml",
        "--workers 0",
        "--workers 0",
        "gone.txt",
    ]


def test_tags_choose_among_scenarios(written: Write, valid: str) -> None:
    path = written(valid)
    other = path.with_name("other.yaml")
    other.write_text(valid.replace("name: database_under_load", "name: other").replace("quick", "full"))
    paths = [path, other]
    assert [scenario.name for scenario in load_scenarios(paths)] == ["database_under_load", "other"]
    assert [scenario.name for scenario in load_scenarios(paths, tags=["full"])] == ["other"]
    assert len(load_scenarios(paths, tags=["full", "quick"])) == 2
    with pytest.raises(UsageError, match=r"no scenario has the tag 'quik' \(did you mean 'quick'\?\)") as caught:
        load_scenarios(paths, tags=["quik"])
    assert caught.value.hint == "tags in use: full, quick, scalability"


def test_tags_are_read_from_the_file_alone_unless_it_needs_the_options(written: Write, valid: str) -> None:
    needy = written(valid.replace("pets: 50", "pets: '${pets}'"))
    assert [each.setup.pets for each in load_scenarios([needy], [parse_set("vars.pets=7")], tags=["quick"])] == [7]


@pytest.mark.parametrize("options", [[], [parse_set("setup.pets=7")]])
def test_a_file_is_read_once_if_tags_choose(
    written: Write, valid: str, options: list[Override], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [written(valid), _left_out(valid)]
    read: list[Path] = []
    read_bytes = library._read_bytes
    monkeypatch.setattr(library, "_read_bytes", lambda path, kind: read.append(path) or read_bytes(path, kind))
    with recorded_reads() as reads:
        assert len(load_scenarios(paths, options, tags=["quick"])) == 1
    assert read == paths
    assert reads.files == {path: path.read_bytes() for path in paths}


def test_an_option_need_not_fit_a_scenario_that_tags_leave_out(written: Write, valid: str) -> None:
    paths = [written(valid), _left_out(valid.replace("load_pet", "status"))]
    unfit = [parse_set("thresholds.0=load_pet.latency.max < 1s")]
    assert [each.name for each in load_scenarios(paths, unfit, tags=["quick"])] == ["database_under_load"]
    with pytest.raises(ScenarioFileError, match="no step of the flow is named 'load_pet'"):
        load_scenarios(paths, unfit, tags=["full"])


def test_a_broken_file_is_reported_whatever_its_tags(written: Write, valid: str) -> None:
    paths = [written(valid), _left_out(valid.replace("vus: 5", "vus: five"))]
    with pytest.raises(ScenarioFileError, match=r"other\.yaml:10:8: load\.vus"):
        load_scenarios(paths, [parse_set("setup.pets=7")], tags=["quick"])


def _left_out(valid: str) -> Path:
    """The scenario in a file of its own, without the tag "quick"."""
    path = Path("other.yaml")
    path.write_text(valid.replace("quick", "full"))
    return path


def test_shipped_scenarios_load_and_bear_the_names_of_their_files() -> None:
    paths = shipped_scenarios()
    assert paths
    assert [scenario.name for scenario in load_scenarios(paths)] == [path.stem for path in paths]


def test_a_limit_that_would_abort_every_load_is_refused(mistakes: Mistakes) -> None:
    told = mistakes(
        "name: x\nsetup: {pets: 1}\nload: {executor: shared-iterations, iterations: 5}\nflow: [status]\n"
        "thresholds:\n  - {expr: iterations >= 5, abort_on_fail: true}\n"
        "  - {expr: iterations < 9, abort_on_fail: true}\n"
    )
    assert told == [
        "s.yaml:6:44: thresholds[0].abort_on_fail: "
        "iterations starts at 0, so this limit would end the load at once: remove abort_on_fail"
    ]


@pytest.mark.parametrize(
    ("expr", "ends_at_once"),
    [("ok >= 5", True), ("status.failed > 2", True), ("failed == 0", False), ("throughput > 5/s", False)],
)
def test_counts_that_begin_at_0_are_not_to_be_above_at_once(expr: str, ends_at_once: bool, mistakes: Mistakes) -> None:
    told = mistakes(
        "name: x\nsetup: {pets: 1}\nload: {executor: shared-iterations, iterations: 5}\nflow: [status]\n"
        f"thresholds:\n  - {{expr: {expr}, abort_on_fail: true}}\n  - {{expr: iterations > 1, abort_on_fail: true}}\n"
    )
    assert ["s.yaml:6:" in each for each in told] == ([True, False] if ends_at_once else [False])


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        ("stages: [{duration: 1s, target: 2}]", "belongs to a load: write load: {executor: ramping-vus, stages: …}"),
        ("vus: 10", "belongs to a load: write load: {executor: constant-vus, vus: …}"),
        ("duration: 30s", "belongs to a load: write load: {executor: constant-vus, duration: …}"),
        ("iterations: 9", "belongs to a load: write load: {executor: shared-iterations, iterations: …}"),
        ("scenarios: []", "unknown key: write phases: [{name: …, load: …, flow: …}]"),
        ("wait_time: between(1, 5)", "unknown key: write load: {…, think_time: 1s}"),
        ("options: {vus: 3}", "unknown key: write load: {executor: constant-vus, vus: N, duration: 30s}"),
        ("run_time: 3m", "unknown key: write load: {…, duration: 30s}"),
        ("steps: [load_pet]", "unknown key: write the steps under flow"),
    ],
)
def test_keys_of_other_load_testers_are_met_with_ours(mistakes: Mistakes, instead: str, told: str) -> None:
    key = instead.split(":")[0]
    load = "load: {executor: constant-vus, duration: 1s}"
    assert mistakes(f"name: a\n{load}\nflow: [create_pet]\n{instead}\n") == [f"s.yaml:4:1: {key}: {told}"]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("startVUs: 1", "unknown key (did you mean 'start_vus'?)"),
        ("timeUnit: 1s", "unknown key: write the unit into the rate, rate: 100/s"),
        ("preAllocatedVUs: 3", "unknown key: write vus: N"),
        ("gracefulStop: 1s", "unknown key (did you mean 'graceful_stop'?)"),
    ],
)
def test_settings_of_other_load_testers_are_met_with_ours(mistakes: Mistakes, key: str, told: str) -> None:
    load = "executor: ramping-vus, stages: [{duration: 1s, target: 2}]"
    (found,) = mistakes(f"name: a\nflow: [create_pet]\nload: {{{load}, {key}}}\n")
    assert found.endswith(f"load.{key.split(':')[0]}: {told}")


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        ("[load_pet: {weight: 70%}]", "flow[0].load_pet.weight: expected a number, not '70%': write 70"),
        ("[care: {actions: meat}]", "flow[0].care.actions: expected a list, not 'meat': write [meat]"),
        ("load_pet", "flow: expected a list, not 'load_pet': write [load_pet]"),
        (
            "{load_pet: {}, save_pet: {}}",
            "flow: expected a list, not a section with keys: start each item with a dash, - load_pet",
        ),
    ],
)
def test_values_of_another_type_are_met_with_what_to_write(mistakes: Mistakes, flow: str, told: str) -> None:
    load = "load: {executor: constant-vus, duration: 1s}"
    (found,) = mistakes(f"name: a\nsetup: {{pets: 2}}\n{load}\nflow: {flow}\n")
    assert found.endswith(told)


def test_a_mistake_shows_its_line_with_a_caret(written: Write) -> None:
    path = written("name: a\nsetup: {pets: 2}\nload: {executor: constant-vus, duration: 1s}\nflow: [load_pot]\n")
    with pytest.raises(ScenarioFileError) as caught:
        load_scenario(path)
    assert caught.value.message.splitlines() == [
        "s.yaml:4:8: flow[0]: unknown operation 'load_pot' (did you mean 'load_pet'?)",
        "    4 | flow: [load_pot]",
        "               ^",
    ]
    assert str(caught.value).count("\n") == 0


def test_the_caret_stands_right_of_wide_characters_and_in_long_lines(written: Write) -> None:
    path = written("name: a\n" + '"日本\t": 1, ' * 3 + "x: [\n")
    with pytest.raises(ScenarioFileError) as caught:
        load_scenario(path)
    _, line, caret = caught.value.message.splitlines()
    assert line.startswith("    2 | ")
    assert len(caret) <= 80

    path = written("name: a\nload: {executor: constant-vus, duration: 1s}\nflow: [" + "create_pet, " * 30 + "nope]\n")
    with pytest.raises(ScenarioFileError) as caught:
        load_scenario(path)
    _, line, caret = caught.value.message.splitlines()
    assert line[caret.index("^") :].startswith("nope")
    assert len(line) <= 80


def test_a_mistake_of_an_option_has_no_line_to_show(written: Write, valid: str) -> None:
    with pytest.raises(ScenarioFileError) as caught:
        load_scenario(written(valid), [parse_set("load.vuz=3")])
    assert caught.value.message == str(caught.value)
