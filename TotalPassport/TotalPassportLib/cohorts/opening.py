"""A cohort that is there: its two tables, open for questions in SQL that can do nothing else.

cohort("results").to_dataframe()
cohort("results", "COHORT").outliers("volume_mm3")
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import BadInput, as_user_error
from ..base.events import EventCallback, ignore_event
from ..base.optional_packages import optional_package
from ..base.temporaries import private_folder
from .answers import Answer
from .building import BuildOptions, build_cohort
from .follow_up import follow_up
from .parquet_files import duckdb_module, tables_are_of
from .questions import Selection, asymmetry, distribution, missing_organs, outliers, overview
from .record import ORGANS_FILE, RECORD_FILE, SCANS_FILE, Record, read_cohort_record
from .shapes import nearest_shapes

if TYPE_CHECKING:
    import pandas

SAFE_SETTINGS = (
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
"""After these a statement reaches neither files nor network nor Python's variables, and cannot take them back."""


def cohort(
    folder: Path | str,
    output: Path | str | None = None,
    options: BuildOptions | None = None,
    *,
    on_event: EventCallback = ignore_event,
) -> Cohort:
    """Return the passports of a folder as one table.

    Parameters
    ----------
    folder : Path or str
        A folder that holds passports, however deep; or a cohort that was made before.
    output : Path or str, optional
        Where the tables are kept, so that only what is new or has changed is read the next time; by default they are
        made for this process only.
    options : BuildOptions, optional
        How they are made: patients and dates, number of processes.
    on_event : callable
        Receives the events of ``docs/architecture.md``.

    Raises
    ------
    BadInput
        There are no passports, or DuckDB, pyarrow or pandas is missing (the extra ``cohort``).
    """
    folder, options = Path(folder), options or BuildOptions()
    if output is None and (folder / RECORD_FILE).is_file():
        return Cohort(folder)
    if output is not None:
        build_cohort(folder, output, options, on_event=on_event)
        return Cohort(output)
    with private_folder("cohort") as scratch:
        build_cohort(folder, scratch, options, on_event=on_event)
        return Cohort(scratch, in_memory=True)


class Cohort:
    """The tables ``scans`` and ``organs``, and questions to them.

    Parameters
    ----------
    folder : Path or str
        Where `build_cohort` has written them.
    in_memory : bool
        Read the tables now, and need the folder no longer.

    Raises
    ------
    BadInput
        It is no cohort, or not a whole one.
    """

    def __init__(self, folder: Path | str, in_memory: bool = False) -> None:
        folder = Path(folder)
        with as_user_error():
            record = read_cohort_record(folder)
            tables = folder / SCANS_FILE, folder / ORGANS_FILE
            if record is None or not tables_are_of(tables, record.build):
                raise BadInput(
                    f"The tables in '{folder}' are of another version, or were not written to their end.",
                    "Make the cohort again from its folder of passports.",
                )
            self.record: Record = record
            self.files = tables
            self._connection = _connect(tables, in_memory)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Return the answer to one SELECT statement on the tables ``scans`` and ``organs``.

        Parameters
        ----------
        sql : str
            In DuckDB's dialect; ``?`` stands for parameters.
        parameters : sequence
            Their values.

        Raises
        ------
        BadInput
            It is no SELECT statement, or DuckDB refuses it.
        """
        duckdb = duckdb_module()
        try:
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise BadInput("A question is one SELECT statement.", "Other statements have nothing to do here.")
            cursor = self._connection.execute(statements[0], list(parameters))
            columns = tuple(column[0] for column in cursor.description)
            return Answer(columns=columns, rows=tuple(cursor.fetchall()))
        except duckdb.Error as error:
            reason = str(error).strip().partition("\n\n")[0].rstrip(".")
            raise BadInput(
                f"DuckDB refuses the question: {reason}.",
                'The tables are scans and organs; "DESCRIBE organs" lists columns.',
            ) from error

    def to_dataframe(self) -> pandas.DataFrame:
        """Return all organs of all scans as a pandas DataFrame, one row an organ, the scan's columns behind them."""
        optional_package("pandas", "A DataFrame")
        sql = "SELECT o.*, s.* EXCLUDE (scan) FROM organs o JOIN scans s USING (scan) ORDER BY scan, label"
        frame: pandas.DataFrame = self._connection.execute(sql).df()
        return frame

    def scans(self) -> pandas.DataFrame:
        """Return the table of scans as a pandas DataFrame."""
        optional_package("pandas", "A DataFrame")
        frame: pandas.DataFrame = self._connection.execute("SELECT * FROM scans ORDER BY scan").df()
        return frame

    def overview(self) -> Answer:
        """Return what the cohort holds: scans and organs by model, task and unit of intensity; see `questions`."""
        return overview(self.query, self.record)

    def distribution(self, field: str, **selection: Any) -> Answer:
        """Return how a field is distributed, organ by organ; see `questions.distribution`."""
        return distribution(self.query, field, Selection(**selection))

    def outliers(self, field: str = "volume_mm3", least_z: float = 3.5, **selection: Any) -> Answer:
        """Return the organs that are unlike those of the other scans; see `questions.outliers`."""
        return outliers(self.query, field, Selection(**selection), least_z)

    def asymmetry(self, field: str = "volume_mm3", by_scan: bool = False, **selection: Any) -> Answer:
        """Return how left and right differ, by pair of organs or by scan; see `questions.asymmetry`."""
        return asymmetry(self.query, field, Selection(**selection), by_scan)

    def missing_organs(self, by_scan: bool = False, **selection: Any) -> Answer:
        """Return which organs how many scans do not have, or which scan lacks which; see `questions`."""
        return missing_organs(self.query, Selection(**selection), by_scan)

    def follow_up(self, patient: str, **selection: Any) -> Answer:
        """Return the organs of a patient over time against what the voxel grids can do; see `follow_up`."""
        return follow_up(self.query, patient, Selection(**selection))

    def nearest_shapes(self, scan: str, organ: str, number: int = 10, **selection: Any) -> Answer:
        """Return the scans whose organ is shaped most alike, whatever its size; see `shapes`."""
        return nearest_shapes(self.query, scan, organ, Selection(**selection), number)

    @cached_property
    def damaged(self) -> dict[str, str]:
        """Path -> problem of the passports that could not be read."""
        return self.record.damaged

    def __len__(self) -> int:
        """Return the number of scans."""
        return sum(file.scan is not None for file in self.record.files.values())

    def __repr__(self) -> str:
        damaged = f", {len(self.damaged)} damaged passports" if self.damaged else ""
        return f"<Cohort of {len(self)} scans{damaged}>"

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()

    def __enter__(self) -> Cohort:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _connect(tables: tuple[Path, Path], in_memory: bool) -> Any:
    """Return a connection to DuckDB that sees the two tables, which pyarrow reads, and no file at all."""
    dataset = optional_package("pyarrow.dataset", "A cohort")
    connection = duckdb_module().connect(":memory:")
    for name, path in zip(("scans", "organs"), tables, strict=True):
        table = dataset.dataset(path, format="parquet")
        connection.register(name, table.to_table() if in_memory else table)
    for setting in SAFE_SETTINGS:
        connection.execute(setting)
    return connection
