"""Operations: what a step of a flow does. Files of your own import `Context` and `operation` from here."""

from perfcli.operations.own.context import Context, operation

__all__ = ["Context", "operation"]
