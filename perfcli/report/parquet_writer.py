"""Pickled columns from stdin, Parquet to stdout: a program of its own, as pyarrow would double the memory of the tool.

The first pickle holds the names of the columns and whether each holds texts, the next ones a list of each column's
values, the last one nothing.
"""

from __future__ import annotations

import pickle
import sys

import pyarrow as pa
from pyarrow import parquet


def main() -> None:
    """Write a row group for each pickle."""
    holds_texts: dict[str, bool] = pickle.load(sys.stdin.buffer)
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([(name, text if holds_texts[name] else pa.int64()) for name in holds_texts])
    texts = [name for name in holds_texts if holds_texts[name]]
    with parquet.ParquetWriter(sys.stdout.buffer, schema, use_dictionary=texts) as writer:
        while columns := pickle.load(sys.stdin.buffer):
            arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
