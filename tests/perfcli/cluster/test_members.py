"""Who may work: enough machines, with the very same tool; and what to do about the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from perfcli.cluster import members
from perfcli.cluster.carrier import check_address
from perfcli.cluster.description import Description, describe
from perfcli.cluster.members import Crew, check, difference, gather, install_command
from perfcli.errors import ExitCode, PerfError, UsageError
from perfcli.version import VERSION
from tests.perfcli.cluster.fake_carrier import FakeCarrier

OWN = Description.of(describe())


class Described:
    """A station that says this of itself."""

    def __init__(self, **differences: Any) -> None:
        self._said = {**asdict(OWN), "boot": str(id(self)), **differences}

    async def describe(self) -> dict[str, Any]:
        return self._said

    async def clock_ns(self) -> int:
        return 0


@pytest.fixture
def carrier() -> Iterator[FakeCarrier]:
    cluster = FakeCarrier({"a": Described(), "b": Described()})
    yield cluster
    cluster.close()


def test_all_who_have_the_same_tool_are_hired(carrier: FakeCarrier) -> None:
    crew = gather(carrier, 2)
    assert [machine.name for machine in crew.machines] == ["a", "b"]
    check(crew)


def test_too_few_machines_run_nothing(carrier: FakeCarrier) -> None:
    with pytest.raises(PerfError, match="the cluster has 2 of 3 machines after 0 s: a, b") as error:
        gather(carrier, 3, within_s=0)
    assert error.value.exit_code is ExitCode.INVALID


def test_a_machine_that_does_not_answer_is_not_there(carrier: FakeCarrier) -> None:
    carrier.cut("b")
    crew = gather(carrier, 1)
    check(crew)
    assert [machine.name for machine in crew.machines] == ["a"]
    assert any("b is left out" in note for note in crew.notes())
    with pytest.raises(PerfError, match="1 of 2 machines"):
        gather(carrier, 2, within_s=0)


@pytest.mark.parametrize(
    ("differences", "why", "hint"),
    [
        (
            {"source": "0123456789ab"},
            f"has perfcli 0123456789ab (version {VERSION}), this tool {OWN.source}",
            "pip install",
        ),
        ({"wire": 99}, "speaks version 99 of the messages", "pip install"),
        ({"python": "CPython 3.99.1"}, f"runs CPython 3.99.1, this tool {OWN.python}", "start dask worker with Python"),
        ({"python": "PyPy 3.11.1"}, "runs PyPy 3.11.1", "start dask worker with Python"),
        ({"loaded": "0123456789ab"}, "its worker still has the perfcli that was installed", "restart its dask worker"),
    ],
)
def test_another_tool_is_refused(carrier: FakeCarrier, differences: dict[str, Any], why: str, hint: str) -> None:
    carrier.stations["b"] = Described(**differences)
    crew = gather(carrier, 2)
    with pytest.raises(UsageError) as error:
        check(crew)
    assert f"b: {why}" in error.value.message
    assert "1 machine of the cluster cannot work" in error.value.message
    assert hint in error.value.hint


def test_a_station_of_another_version_may_say_less_or_more(carrier: FakeCarrier) -> None:
    carrier.stations["b"]._said = {"host": "old", "colour": "blue"}
    assert [each.name for each in gather(carrier).refused] == ["b"]


def test_a_machine_without_the_tool_is_refused_with_the_line_that_installs_it(carrier: FakeCarrier) -> None:
    carrier.unusable["b"] = PerfError("digipal-perf cannot be imported there: No module named 'perfcli'")
    with pytest.raises(UsageError, match="b: digipal-perf cannot be imported there") as error:
        check(gather(carrier))
    assert "pip install" in error.value.hint


def test_patch_versions_of_python_may_differ() -> None:
    assert difference(OWN, replace(OWN, python=f"{OWN.python_minor}.99")) == ("", "")


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ({}, f"'digipal-perf[cluster]=={VERSION}'"),
        (
            {"url": "https://host/repo.git", "vcs_info": {"vcs": "git", "commit_id": "1a2b3c"}},
            "'digipal-perf[cluster] @ git+https://host/repo.git@1a2b3c'",
        ),
        ({"url": "file:///home/me/pets", "dir_info": {"editable": True}}, "'/home/me/pets[cluster]'"),
    ],
)
def test_the_command_installs_the_tool_that_runs_here(
    origin: dict[str, Any], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    class Distribution:
        def read_text(self, name: str) -> str | None:
            return json.dumps(origin) if origin else None

    monkeypatch.setattr(members.metadata, "distribution", lambda name: Distribution())
    assert command in install_command()


def test_workers_that_share_cpus_and_slow_machines_are_named(carrier: FakeCarrier) -> None:
    carrier.stations = {
        "a": Described(boot="one", cpus=[0, 1], kernel_ns=20_000),
        "b": Described(boot="one", cpus=[1, 2], kernel_ns=20_000),
        "c": Described(boot="one", cpus=[3], kernel_ns=31_000),
    }
    notes = list(gather(carrier).notes())
    assert [note.split(" (")[0] for note in notes] == [
        "a and b are on one machine",
        "c is slow: the reference kernel takes 1.6 times the median",
    ]


def test_nobody_has_no_notes() -> None:
    assert list(Crew([]).notes()) == []


@pytest.mark.parametrize("address", ["tls://host:8786", "tls://127.0.0.1:1"])
def test_tls_will_do(address: str) -> None:
    check_address(address, insecure=False)


@pytest.mark.parametrize("address", ["tcp://host:8786", "tcp://127.0.0.1:8786", "127.0.0.1:8786", "localhost:8786"])
def test_without_tls_it_must_be_asked_for_also_on_loopback(address: str) -> None:
    with pytest.raises(UsageError, match="without TLS, everyone") as error:
        check_address(address, insecure=False)
    assert "--insecure-cluster" in error.value.hint
    check_address(address, insecure=True)


@pytest.mark.parametrize("address", ["ws://host:1", "inproc://x", "tls://", "ucx://h:1", "http://host:8787"])
def test_other_addresses_are_none(address: str) -> None:
    with pytest.raises(UsageError, match="expected the address of a scheduler"):
        check_address(address, insecure=True)
