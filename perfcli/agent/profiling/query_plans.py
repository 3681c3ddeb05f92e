"""How SQLite would run a statement, asked on a connection of our own that may only read."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from perfcli.results.findings import FullScan

FEW_ROWS: Final = 20
"""A table of no more rows is read from end to end as cheaply as in any other way."""

MOST_ROWS_COUNTED: Final = 1_000
_SCAN: Final = re.compile(r"^(?:SCAN (?:TABLE )?(\S+)(?!.* INDEX)|SEARCH (?:TABLE )?(\S+).* USING AUTOMATIC )")
"""What reads a table from end to end: to look at each row, or to make an index that is missing, for this once."""
_MISSING: Final = re.compile(r"uses (\d+), and there are \d+ supplied")


def connect_to_read(database: Path, *, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """A connection that cannot write."""
    return sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, factory=factory)


class QueryPlans:
    """Plans of statements on one database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, sql: str, parameters: Any) -> dict[str, Any]:
        """The plan of a statement and the tables it reads from end to end, as fields of StatementFigures."""
        try:
            plan = self._explain(sql, parameters)
        except (sqlite3.Error, sqlite3.Warning) as error:
            # a temporary table, a function of the engine's own: only its connection knows them
            return {"no_plan": str(error)}
        return {"plan": plan, "full_scans": self._full_scans(sql, plan)}

    def _explain(self, sql: str, parameters: Any) -> list[str]:
        explained = f"EXPLAIN QUERY PLAN {sql}"
        with closing(self._connection.cursor()) as cursor:
            try:
                cursor.execute(explained, parameters)
            except sqlite3.ProgrammingError as error:
                missing = _MISSING.search(str(error))
                if missing is None:
                    raise
                cursor.execute(explained, (None,) * int(missing[1]))
            return [row[3] for row in cursor]

    def _full_scans(self, sql: str, plan: list[str]) -> list[FullScan]:
        found: dict[str, int] = {}
        for detail in plan:
            # an index that is read from end to end is in order, or covers all that is asked: it was chosen for that
            scan = _SCAN.match(detail)
            if scan is None or "VIRTUAL TABLE" in detail:
                continue
            table = self._table(sql, scan[1] or scan[2])
            found[table] = self._rows(table) if table else 0
        return [FullScan(table=table, rows=rows) for table, rows in found.items() if rows > FEW_ROWS]

    def _table(self, sql: str, named: str) -> str:
        """The table that a plan calls by its name or its alias; "" for what is none: a subquery, a constant."""
        alias = re.search(rf"(\w+)[\"`\]]?\s+(?:AS\s+)?[\"`\[]?{re.escape(named)}\b", sql, re.IGNORECASE)
        for name in (named, alias[1] if alias else ""):
            found = self._connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", (name,)
            ).fetchone()
            if found:
                return str(found[0])
        return ""

    def _rows(self, table: str) -> int:
        quoted = '"' + table.replace('"', '""') + '"'
        query = f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {MOST_ROWS_COUNTED})"
        return int(self._connection.execute(query).fetchone()[0])
