"""A supervised process that does what its argument says, in Python."""

from __future__ import annotations


def main(arguments: list[str]) -> None:
    exec(compile(arguments[0], "<faulty>", "exec"), {})
