"""Facts of scenario files are kept until something changes, and a cache that cannot be trusted is as good as none."""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from perfcli.scenario import fact_cache, library
from perfcli.scenario.fact_cache import FactCache, cache_folder, facts_of
from perfcli.scenario.library import read_text, read_variable, record_search
from perfcli.scenario.problems import Location, ScenarioFileError

Ask = Callable[..., bool]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two files, a cache of its own, and a tool of one file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for folder in ("here", "there", "tool", "shipped"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("s.yaml").write_text("first")
    Path("words.csv").write_text("one")
    (tmp_path / "tool" / "code.py").write_text("1")
    monkeypatch.setattr(fact_cache, "_PACKAGE", tmp_path / "tool")
    monkeypatch.setattr(library, "_SHIPPED", (tmp_path / "shipped",))
    return tmp_path


@pytest.fixture
def folder(place: Path) -> Path:
    """Where the entries are."""
    return place / "caches" / "digipal-perf"


def load(path: Path) -> list[str]:
    """Facts that depend on two files and a variable."""
    return [read_text(path), read_text(Path("words.csv")), str(read_variable("GREETING"))]


@pytest.fixture
def loads() -> Ask:
    """Whether s.yaml, or another file, is loaded to answer; the answer is right in any case."""

    def ask(question: str = "list", path: str = "s.yaml", *, cached: bool = True) -> bool:
        loaded: list[Path] = []

        def find(path: Path) -> list[str]:
            loaded.append(path)
            return load(path)

        assert [list(facts) for facts in facts_of(question, [Path(path)], find, cached=cached)] == [load(Path(path))]
        return bool(loaded)

    return ask


def test_a_file_is_loaded_once(loads: Ask) -> None:
    assert [loads() for _ in range(3)] == [True, False, False]


def test_each_question_has_its_own_answer(loads: Ask) -> None:
    assert loads("list")
    assert loads("validate")
    assert not loads("list")


def test_without_a_cache_nothing_is_taken_and_nothing_kept(loads: Ask, folder: Path) -> None:
    assert loads(cached=False)
    assert not folder.exists()
    assert loads()
    assert loads(cached=False)


def rewrite(path: str, text: str) -> None:
    """Other content of the same length, with the times of what was there."""
    before = os.stat(path)
    Path(path).write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_link(path: str) -> None:
    """The same content under the same name, but another file."""
    Path("other").write_bytes(Path(path).read_bytes())
    Path(path).unlink()
    Path(path).symlink_to("other")


def touch_code(place: Path) -> None:
    code = place / "tool" / "code.py"
    before = code.stat()
    code.write_text("2")
    os.utime(code, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path, pytest.MonkeyPatch], object]] = {
    "the file": lambda place, patch: rewrite("s.yaml", "other"),
    "a file it brings in": lambda place, patch: rewrite("words.csv", "two"),
    "the file that a name stands for": lambda place, patch: replace_by_link("s.yaml"),
    "a variable": lambda place, patch: patch.setenv("GREETING", "moin"),
    "a variable set to nothing": lambda place, patch: patch.setenv("GREETING", ""),
    "the home": lambda place, patch: patch.setenv("HOME", str(place / "there")),
    "the code of the tool": lambda place, patch: touch_code(place),
    "a file of code more": lambda place, patch: (place / "tool" / "more.py").touch(),
    "a shipped scenario more": lambda place, patch: (place / "shipped" / "more.yaml").touch(),
    "Python": lambda place, patch: patch.setattr(sys, "version", "4.0"),
    "a library": lambda place, patch: patch.setattr(
        fact_cache, "find_spec", lambda name: ModuleSpec(name, None, origin=str(place / "tool" / "code.py"))
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(change: str, loads: Ask, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads()
    assert not loads()
    CHANGES[change](place, monkeypatch)
    assert loads()
    assert not loads()


def test_a_variable_that_is_unset_is_seen(loads: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING", "moin")
    loads()
    monkeypatch.delenv("GREETING")
    assert loads()


def test_a_relative_path_is_of_the_working_directory(loads: Ask, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads()
    for name in ("s.yaml", "words.csv"):
        (place / "there" / name).write_text("elsewhere")
    monkeypatch.chdir(place / "there")
    assert loads()


def test_a_file_under_another_name_is_loaded_as_its_name_is_told(loads: Ask) -> None:
    loads()
    assert loads(path="./../here/s.yaml")


def test_what_does_not_matter_changes_nothing(loads: Ask, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads()
    monkeypatch.setenv("COLUMNS", "40")
    Path("s.yaml").touch()
    (place / "tool" / "__pycache__").mkdir()
    (place / "tool" / "__pycache__" / "code.py").touch()
    (place / "tool" / ".#code.py").symlink_to("nowhere")  # an editor's lock
    assert not loads()


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(place: Path) -> None:
    facts_of("list", [Path("s.yaml")], load, cached=True)
    Path("s.yaml").unlink()
    os.mkfifo("s.yaml")
    with pytest.raises(ScenarioFileError, match="is not a regular file"):
        facts_of("list", [Path("s.yaml")], load, cached=True)


def wrong(path: Path) -> list[str]:
    raise ScenarioFileError([Location(str(path), 1, 1, read_text(path)).problem((), "is wrong")])


def searching(path: Path) -> list[str]:
    record_search()
    return load(path)


def read_while_it_changes(path: Path) -> list[str]:
    read_text(path)
    path.write_text("later")
    return load(path)


def reading_what_is_not_there(path: Path) -> list[str]:
    with pytest.raises(ScenarioFileError):
        read_text(Path("absent.csv"))
    return load(path)


@pytest.mark.parametrize("how", [searching, read_while_it_changes, reading_what_is_not_there])
def test_what_depends_on_more_than_what_was_read_is_not_kept(how: Callable[[Path], list[str]], folder: Path) -> None:
    facts_of("list", [Path("s.yaml")], how, cached=True)
    assert not folder.exists()


def test_facts_that_are_too_long_are_not_kept(folder: Path) -> None:
    facts_of("list", [Path("s.yaml")], lambda path: ["x" * fact_cache.MOST_BYTES], cached=True)
    assert not folder.exists()


def test_files_with_mistakes_are_told_together_and_not_kept(folder: Path) -> None:
    Path("t.yaml").write_text("second")
    for _ in range(2):
        with pytest.raises(ScenarioFileError) as caught:
            facts_of("list", [Path("s.yaml"), Path("t.yaml")], wrong, cached=True)
        assert [problem.file for problem in caught.value.problems] == ["s.yaml", "t.yaml"]
    assert not folder.exists()


def test_only_the_user_can_read_what_is_kept(loads: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING", "a secret of the CI")
    facts_of("list", [Path("s.yaml")], lambda path: load(path)[:1], cached=True)
    (entry,) = folder.iterdir()
    assert "secret" not in entry.read_text()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, entry)] == [0o700, 0o600]


def test_no_part_of_an_entry_can_be_damaged_unseen(loads: Ask, folder: Path) -> None:
    loads()
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    cache = FactCache(folder)
    assert cache.get("list", Path("s.yaml")) == ["first", "one", "None"]
    for at in range(0, len(whole), 7):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            entry.write_bytes(damaged)
            assert cache.get("list", Path("s.yaml")) is None
    assert loads()
    assert not loads()


def as_folder_of_another_user(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)


def as_entry_of_another_user(folder: Path, patch: pytest.MonkeyPatch) -> None:
    fstat, (entry,) = os.fstat, folder.iterdir()
    number = entry.stat().st_ino

    def of_another(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        is_entry = status.st_ino == number
        return os.stat_result((*status[:4], status.st_uid + 1, *status[5:])) if is_entry else status

    patch.setattr(os, "fstat", of_another)


def as_folder_of_a_group(folder: Path, patch: pytest.MonkeyPatch) -> None:
    folder.chmod(0o770)


def as_entry_that_all_can_write(folder: Path, patch: pytest.MonkeyPatch) -> None:
    next(folder.iterdir()).chmod(0o666)


def as_link_to_an_entry(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (entry,) = folder.iterdir()
    entry.rename(folder.parent / "moved.json")
    entry.symlink_to(folder.parent / "moved.json")


def as_link_to_a_folder(folder: Path, patch: pytest.MonkeyPatch) -> None:
    folder.rename(folder.parent / "moved")
    folder.symlink_to(folder.parent / "moved")


def as_pipe(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (entry,) = folder.iterdir()
    entry.unlink()
    os.mkfifo(entry)


def as_folder_in_the_place_of_an_entry(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (entry,) = folder.iterdir()
    entry.unlink()
    entry.mkdir()


def as_file_in_the_place_of_the_folder(folder: Path, patch: pytest.MonkeyPatch) -> None:
    folder.rename(folder.parent / "moved")
    folder.touch()


@pytest.mark.parametrize(
    "spoil",
    [
        as_folder_of_another_user,
        as_entry_of_another_user,
        as_folder_of_a_group,
        as_entry_that_all_can_write,
        as_link_to_an_entry,
        as_link_to_a_folder,
        as_pipe,
        as_folder_in_the_place_of_an_entry,
        as_file_in_the_place_of_the_folder,
    ],
)
def test_nothing_is_taken_that_another_user_could_have_put_there(
    spoil: Callable[[Path, pytest.MonkeyPatch], None], loads: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads()
    assert not loads()
    spoil(folder, monkeypatch)
    assert loads()


def test_nothing_is_written_where_a_link_leads(loads: Ask, folder: Path, place: Path) -> None:
    folder.parent.mkdir()
    folder.symlink_to(place / "there")
    assert loads()
    assert loads()
    assert list((place / "there").iterdir()) == []


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond 100 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_ignored_and_nothing_unfinished_left(loads: Ask, folder: Path) -> None:
    with full_disk():
        assert loads()
    assert list(folder.iterdir()) == []
    assert loads()
    assert not loads()


@pytest.mark.parametrize("caches", ["/dev/null", "/proc/nowhere", "here/s.yaml"])
def test_a_folder_that_cannot_be_made_is_ignored(
    caches: str, loads: Ask, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / caches))
    assert loads()
    assert loads()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_ignored(loads: Ask, folder: Path) -> None:
    loads()
    folder.chmod(0o500)
    assert not loads()
    Path("s.yaml").write_text("second")
    assert loads()
    assert loads()


def test_the_folder_is_that_of_the_specification(place: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/digipal-perf")
    for unset in ({}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}):
        assert cache_folder(unset) == place / "home" / ".cache" / "digipal-perf"


def test_a_home_that_is_no_place_has_no_cache(loads: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "nowhere")
    assert loads()
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["s.yaml", "words.csv"]


def test_entries_are_bounded_and_the_oldest_go(loads: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_cache, "MOST_ENTRIES", 8)
    loads("question 0")
    (folder / "not an entry").touch()
    (folder / "left.unfinished.json").touch()
    for old in folder.glob("*.json"):
        os.utime(old, (1, 1))
    for number in range(1, 30):
        loads(f"question {number}")
        assert len(list(folder.glob("*.json"))) <= 8
    assert not loads("question 29")
    assert loads("question 0")
    assert (folder / "not an entry").exists()
    assert not (folder / "left.unfinished.json").exists()


def test_one_command_with_many_files_is_bounded_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_cache, "MOST_ENTRIES", 8)
    paths = [Path(f"{number}.yaml") for number in range(30)]
    for path in paths:
        path.write_text("x")
    facts_of("list", paths, load, cached=True)
    assert len(list(folder.iterdir())) <= 8


def test_many_may_write_and_read_at_once(place: Path, folder: Path) -> None:
    def keep(number: int) -> None:
        with library.recorded_reads() as reads:
            facts = load(Path("s.yaml"))
        FactCache(folder).keep("list", Path("s.yaml"), facts, reads)

    keep(0)
    with ThreadPoolExecutor(4) as pool:
        kept = [pool.submit(keep, number) for number in range(100)]
        answers = list(pool.map(lambda _: FactCache(folder).get("list", Path("s.yaml")), range(100)))
        assert [each.result() for each in kept] == [None] * 100
    assert answers == [["first", "one", "None"]] * 100
    assert len(list(folder.iterdir())) == 1
    assert json.loads(next(folder.iterdir()).read_bytes().partition(b"\n")[2])["facts"] == ["first", "one", "None"]
