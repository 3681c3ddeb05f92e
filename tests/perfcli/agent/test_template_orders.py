"""Orders to a template: what is sent arrives whole, with its descriptors."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from perfcli.agent.template import Descriptors, Order, receive_order, send_order


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def opened(folder: Path) -> Descriptors:
    return Descriptors(*(os.open(folder / name, os.O_RDWR | os.O_CREAT) for name in Descriptors._fields))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a descriptor stands for")
def test_orders_arrive_one_by_one_with_their_descriptors(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    orders = [Order(["plan", "café"], "/work", ["/tmp/a"]), Order([], "/elsewhere", [], "json")]
    for order in orders:
        descriptors = opened(tmp_path)
        send_order(ends[0], order, descriptors)
        descriptors.close()
    for order in orders:
        received, descriptors = receive_order(ends[1])
        assert received == order
        names = [Path(os.readlink(f"/proc/self/fd/{number}")).name for number in descriptors]
        assert names == list(Descriptors._fields)
        descriptors.close()


def test_an_order_longer_than_the_socket_holds_arrives_whole(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    order = Order(["x" * 2**20], "/work", [])
    descriptors = opened(tmp_path)
    sender = Thread(target=send_order, args=(ends[0], order, descriptors))
    sender.start()
    received, arrived = receive_order(ends[1])
    sender.join()
    descriptors.close()
    arrived.close()
    assert received == order


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x09[1,"])
def test_a_tool_that_is_gone_is_noticed_wherever_it_stopped(
    ends: tuple[socket.socket, socket.socket], sent: bytes
) -> None:
    ends[0].sendall(sent)
    ends[0].close()
    with pytest.raises(EOFError):
        receive_order(ends[1])
