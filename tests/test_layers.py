"""The house: who may import whom (docs/architecture.md draws it)."""

from __future__ import annotations

import ast
import re
from collections.abc import Set
from functools import cache
from pathlib import Path

import pytest

from perfcli.operations import STEP_MODELS
from perfcli.operations.own.step import OwnStep
from perfcli.scenario.target import TARGET_MODELS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
BOTTOM_UP = re.findall(r"^\| `(\w+)` \|", ARCHITECTURE.partition("\n## Rooms\n")[2].partition("\n#")[0], re.MULTILINE)
"""The rooms of perfcli; each may import those before it."""

HEAVY = {"rich", "pydantic", "psutil", "yaml", "pydantic_core"}
MCP = {"mcp", "mcp_types", "anyio", "httpx2"}
"""The MCP SDK, and what comes with it."""

SERVERS = {"starlette", "uvicorn", "opentelemetry"}
"""What the live page and the stream of metrics are made with."""


SHOWN = "report: how it is shown"
SHARED_NAMES = {
    "base": "executors, operations: what the other files of the room derive from",
    "binding": "operations: to an engine; operations/own: the same of own ones",
    "capacity": f"commands: what it does; {SHOWN}",
    "context": "operations/own: what a user's function is given; commands: what a command works with",
    "faults": f"figures: what became of the load; {SHOWN}",
    "integrity": "measurement: looks for it; figures: what it gives",
    "probe": "pool: looks at a process; capacity: a run at a load",
    "process": f"measurement: reads it; figures: what it gives; {SHOWN}; report/html: its charts",
    "protocol": "targets, pool: what each of the room's kinds offers",
    "result": "ab, capacity: what comes of it",
    "run": f"commands: what it does; results: its record; {SHOWN}",
    "scaling": f"commands: what it does; {SHOWN}",
    "selftest": f"ab: the gates it makes; {SHOWN}",
    "template": "pool: the tool's end; agent: the process",
    "thresholds": f"perfcli: the grammar; {SHOWN}",
    "trend": f"history: how it is found; {SHOWN}",
}
"""Names of modules that stand in several rooms, and why."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def room_of(module: Path) -> str:
    return module.relative_to(ROOT / "perfcli").with_suffix("").parts[0]


@cache
def imports(module: Path, *, only_at_import: bool = False) -> tuple[str, ...]:
    """The dotted names a module imports; those inside functions and under TYPE_CHECKING on request left out."""
    return tuple(name for name, is_deferred in _imports(module) if not (only_at_import and is_deferred))


@cache
def _imports(module: Path) -> tuple[tuple[str, bool], ...]:
    """The names, each with whether it is imported later than the module."""
    found: list[tuple[str, bool]] = []
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(module.read_text(encoding="utf-8")), False)]
    while waiting:
        node, is_deferred = waiting.pop()
        if isinstance(node, ast.Import):
            found += [(alias.name, is_deferred) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found += [(f"{node.module}.{alias.name}", is_deferred) for alias in node.names]
        elif not isinstance(node, ast.expr):
            is_deferred = is_deferred or _is_deferred(node)
            waiting += [(child, is_deferred) for child in ast.iter_child_nodes(node)]
    return tuple(found)


def _is_deferred(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.dump(node.test)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def test_imports_run_downward() -> None:
    up = []
    for module in modules("perfcli"):
        room = room_of(module)
        if room != "__init__":
            allowed = {*BOTTOM_UP[: BOTTOM_UP.index(room) + 1], "__init__", "__version__"}
            used = {name.split(".")[1] for name in imports(module) if name.startswith("perfcli.")}
            up += [f"{module.relative_to(ROOT)} reaches up to {higher}" for higher in sorted(used - allowed)]
    assert up == []


def test_the_engine_knows_nothing_of_the_tool() -> None:
    known = {str(module.relative_to(ROOT)): imports(module) for module in modules("digipal")}
    assert [file for file, names in known.items() if "perfcli" in {name.split(".")[0] for name in names}] == []


def test_only_targets_and_the_engines_own_room_import_mcp() -> None:
    def users(package: str) -> set[str]:
        return {
            module.relative_to(ROOT / package).parts[0]
            for module in modules(package)
            if {name.split(".")[0] for name in imports(module)} & MCP
        }

    assert users("perfcli") == {"targets"}
    assert users("digipal") == {"mcp"}
    rest_of_the_engine = {n for m in modules("digipal") if "mcp" not in m.relative_to(ROOT).parts for n in imports(m)}
    assert not [name for name in rest_of_the_engine if name.startswith("digipal.mcp")]


def test_only_the_cluster_imports_dask_and_only_if_one_is_asked_for() -> None:
    for module in modules("perfcli"):
        if {"dask", "distributed"} & {name.split(".")[0] for name in imports(module)}:
            assert module.relative_to(ROOT).as_posix() == "perfcli/cluster/carrier.py"
        at_import = {name.split(".")[0] for name in imports(module, only_at_import=True)}
        assert not {"dask", "distributed"} & at_import


def test_web_servers_are_imported_only_where_one_is_asked_for() -> None:
    for package in ("perfcli", "digipal"):
        for module in modules(package):
            at_import = {name.split(".")[0] for name in imports(module, only_at_import=True)}
            assert not at_import & SERVERS or module.relative_to(ROOT).parts[:2] == ("digipal", "mcp")


def test_a_target_imports_mcp_only_where_it_is_asked_for() -> None:
    eager = {
        module.name
        for module in modules("perfcli")
        if {name.split(".")[0] for name in imports(module, only_at_import=True)} & MCP
    }
    assert eager == {"mcp.py", "mcp_http.py", "mcp_sessions.py", "relay.py"}
    assert not [n for n in imports(ROOT / "perfcli/targets/__init__.py", only_at_import=True) if ".mcp" in n]


@pytest.mark.parametrize(("only_at_import", "rooms"), [(False, {"operations", "targets"}), (True, {"targets"})])
def test_only_targets_and_bound_operations_import_the_engine(only_at_import: bool, rooms: set[str]) -> None:
    users = {
        room_of(module)
        for module in modules("perfcli")
        if any(name.split(".")[0] == "digipal" for name in imports(module, only_at_import=only_at_import))
    }
    assert users == rooms


def import_graph(*packages: str, only_at_import: bool = False) -> dict[str, set[str]]:
    """The modules of some packages, each with those it imports: anywhere, or only when it is itself imported."""
    files = {".".join(m.relative_to(ROOT).with_suffix("").parts): m for p in packages for m in modules(p)}
    return {
        name.removesuffix(".__init__"): {_module(used) for used in imports(file, only_at_import=only_at_import)}
        - {name.removesuffix(".__init__")}
        for name, file in files.items()
    }


def _module(name: str) -> str:
    """The module that an import of `name` comes from: itself, or the one that defines the name."""
    path = ROOT / name.replace(".", "/")
    is_module = path.with_suffix(".py").exists() or (path / "__init__.py").exists()
    return name if is_module else name.rpartition(".")[0] or name


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module."""
    reached = {name: _reached(name, graph) for name in graph}
    components = {
        frozenset(other for other in graph if other in reached[name] and name in reached[other]) for name in graph
    }
    return sorted(sorted(component) for component in components if len(component) > 1)


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    reached, waiting = {start}, [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - reached
        reached |= new
        waiting.extend(new)
    return reached


def test_a_name_of_modules_stands_in_one_room_or_has_a_reason() -> None:
    rooms: dict[str, set[Path]] = {}
    for module in modules("perfcli"):
        rooms.setdefault(module.stem, set()).add(module.parent)
    shared = {name for name, places in rooms.items() if len(places) > 1 and not name.startswith("__")}
    assert shared == set(SHARED_NAMES)


def test_no_circle_of_files() -> None:
    assert circles(import_graph("perfcli", "digipal")) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "os"}, "d": {"a"}}) == [["b", "c"]]


def test_help_needs_nothing_heavy() -> None:
    at_import = import_graph("perfcli", only_at_import=True)
    needed = _reached("perfcli.__main__", at_import) | _reached("perfcli.cli", at_import)
    assert "click" in needed
    assert not {name.split(".")[0] for name in needed} & HEAVY


LOCAL = {"psutil", *(f"perfcli.pool.{name}" for name in ("database", "probe", "supervised"))}
"""What belongs to processes and files of this machine."""

LOCAL_NAMES = {"pid", "kill", "killpg", "sched_setaffinity"}


def local_knowledge(module: Path) -> list[str]:
    """What a module knows of an engine process that only its pool can know."""
    attributes = (node for node in ast.walk(ast.parse(module.read_text("utf-8"))) if isinstance(node, ast.Attribute))
    used = [ast.unparse(node) for node in attributes if node.attr in LOCAL_NAMES]
    return used + [name for name in imports(module) if any(f"{name}.".startswith(f"{each}.") for each in LOCAL)]


BEYOND_THE_POOL = BOTTOM_UP[BOTTOM_UP.index("cluster") + 1 :]


def test_only_the_pool_knows_where_an_engine_lives() -> None:
    rooms = {*BEYOND_THE_POOL} - {"testing", "__main__"}
    beyond = [module for module in modules("perfcli") if room_of(module) in rooms]
    assert {str(module.relative_to(ROOT)): local for module in beyond if (local := local_knowledge(module))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import psutil",
        "from psutil import Process",
        "from perfcli.pool.database import LocalDatabase",
        "engine.pid",
        "os.killpg(group, 9)",
    ],
)
def test_what_a_module_knows_of_a_process_is_found(source: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(source)
    assert local_knowledge(tmp_path / "module.py")


TARGET_NAMES = {"embedded", "mcp"}


def questions(source: str, classes: Set[str]) -> list[str]:
    """Comparisons with the name of a target, and questions for one of these classes."""
    asked = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare(left=left, comparators=others):
                values = {each.value for each in (left, *others) if isinstance(each, ast.Constant)}
                asked += [ast.unparse(node)] if values & TARGET_NAMES else []
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kinds]):
                named = {each.id for each in ast.walk(kinds) if isinstance(each, ast.Name)}
                asked += [ast.unparse(node)] if named & classes else []
            case ast.MatchClass(cls=ast.Name(id=name)) if name in classes:
                asked.append(ast.unparse(node))
            case ast.MatchValue(value=ast.Constant(value=value)) if value in TARGET_NAMES:
                asked.append(ast.unparse(node))
    return asked


def test_operations_and_targets_are_asked_for_what_they_can_and_not_who_they_are() -> None:
    classes = {model.__name__ for model in (*STEP_MODELS.values(), *TARGET_MODELS.values(), OwnStep)}
    for module in modules("perfcli"):
        if room_of(module) != "operations":
            assert questions(module.read_text(encoding="utf-8"), classes) == [], module


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(step, SavePet)",
        "isinstance(step, (Sleep, SavePet))",
        "isinstance(step, Sleep | SavePet)",
        "target.name == 'mcp'",
        "'mcp' != target",
        "target in ('x',) or target == 'embedded'",
        "match step:\n    case SavePet(): pass",
        "match name:\n    case 'mcp': pass",
    ],
)
def test_a_question_for_the_class_is_found(source: str) -> None:
    assert questions(source, {"SavePet"})
