"""The tables as Parquet: new rows written piece by piece, and brought together with those of before by DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..base.errors import BadInput
from ..base.optional_packages import optional_package
from .table_columns import ORGAN_COLUMNS, SCAN_COLUMNS, Kind, Row, TableColumn

ROWS_IN_A_GROUP = 40_960
"""Of the organs, which are sorted by name: a question about one organ reads few groups."""
ROWS_AT_ONCE = 20_000
"""Rows that are kept in memory while passports are read."""
BUILD_KEY = b"totalpassport_build"
_TYPES: dict[Kind, str] = {"text": "string", "whole": "int64", "number": "float64", "truth": "bool_", "date": "date32"}


def duckdb_module() -> Any:
    """Return DuckDB; raises `BadInput` where it is not installed."""
    return optional_package("duckdb", "A cohort")


def arrow_schema(columns: Sequence[TableColumn]) -> Any:
    """Return the columns as pyarrow has them."""
    arrow = optional_package("pyarrow", "A cohort")
    return arrow.schema([(column.name, getattr(arrow, _TYPES[column.kind])()) for column in columns])


class RowWriter:
    """Writes rows into a Parquet file without keeping all of them.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of TableColumn
        What each row has.
    """

    def __init__(self, path: Path, columns: Sequence[TableColumn]) -> None:
        self._schema = arrow_schema(columns)
        self._rows: list[Row] = []
        self._writer = optional_package("pyarrow.parquet", "A cohort").ParquetWriter(path, self._schema)

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, rows: Iterable[Row]) -> None:
        """Take some rows."""
        self._rows += rows
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        arrow = optional_package("pyarrow", "A cohort")
        columns = zip(*self._rows, strict=True) if self._rows else ([] for _ in self._schema)
        arrays = [arrow.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(arrow.table(arrays, self._schema))
        self._rows = []


def write_tables(
    new: tuple[Path, Path],
    former: tuple[Path, Path] | None,
    kept: Sequence[str],
    visits: dict[str, tuple[str | None, Any]] | None,
    targets: tuple[Path, Path],
    build: str,
) -> None:
    """Write the tables of scans and organs.

    Parameters
    ----------
    new : pair of Path
        Parquet files of the rows that were read now: scans, organs.
    former : pair of Path, optional
        Those of before.
    kept : sequence of str
        Scans of before whose rows stay.
    visits : mapping, optional
        Scan -> patient and date, for all scans; by default those of before stay.
    targets : pair of Path
        The files to write.
    build : str
        Stands in both.
    """
    duckdb, arrow = duckdb_module(), optional_package("pyarrow", "A cohort")
    with duckdb.connect(":memory:", config={"temp_directory": str(targets[0].parent), "threads": 2}) as connection:
        connection.register("kept", arrow.table({"scan": arrow.array(kept, arrow.string())}))
        metadata = f"KV_METADATA {{{BUILD_KEY.decode()}: '{build}'}}"
        settings = f"FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false, {metadata}"
        for number, order in enumerate(("scan", "name, scan")):
            rows = f"SELECT * FROM read_parquet({_quoted(new[number])})"
            if former is not None and kept:
                before = f"SELECT * FROM read_parquet({_quoted(former[number])}) WHERE scan IN (SELECT scan FROM kept)"
                rows = f"{before} UNION ALL {rows}"
            if number == 0 and visits is not None:
                connection.register("visits", _visits_table(visits))
                rows = (
                    f"SELECT t.* REPLACE (v.patient AS patient, v.date AS date) FROM ({rows}) t "
                    "LEFT JOIN visits v USING (scan)"
                )
            connection.execute(
                f"COPY (SELECT * FROM ({rows}) ORDER BY {order}) TO {_quoted(targets[number])} "
                f"({settings}, ROW_GROUP_SIZE {ROWS_IN_A_GROUP})"
            )


def _visits_table(visits: dict[str, tuple[str | None, Any]]) -> Any:
    arrow = optional_package("pyarrow", "A cohort")
    return arrow.table(
        {
            "scan": arrow.array(list(visits), arrow.string()),
            "patient": arrow.array([patient for patient, _ in visits.values()], arrow.string()),
            "date": arrow.array([day for _, day in visits.values()], arrow.date32()),
        }
    )


def check_table(path: Path, columns: Sequence[TableColumn], build: str) -> bool:
    """Tell whether a Parquet file has these columns and is of this build.

    Raises
    ------
    BadInput
        It is no Parquet file.
    """
    parquet, arrow = optional_package("pyarrow.parquet", "A cohort"), optional_package("pyarrow", "A cohort")
    if not path.is_file():
        return False
    try:
        schema = parquet.read_schema(path)
    except (arrow.ArrowInvalid, OSError) as error:
        raise BadInput(f"'{path}' is damaged, or no Parquet file.", "Make the cohort again.") from error
    built = (schema.metadata or {}).get(BUILD_KEY, b"")
    return bool(schema.names == [column.name for column in columns] and built == build.encode())


def tables_are_of(folder_files: tuple[Path, Path], build: str) -> bool:
    """Tell whether both tables are those of a build."""
    return check_table(folder_files[0], SCAN_COLUMNS, build) and check_table(folder_files[1], ORGAN_COLUMNS, build)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
