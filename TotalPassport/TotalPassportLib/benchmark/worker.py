"""The child processes of a benchmark beside the job itself, so that the benchmark's own process stays small.

    python -X utf8 worker.py scan CT
    python -X utf8 worker.py whole-volume MODEL CT OUTPUT
    python -X utf8 worker.py plain-windows MODEL CT OUTPUT
    python -X utf8 worker.py convert MODEL WEIGHTS
    python -X utf8 worker.py synthetic NAME OUTPUT
    python -X utf8 worker.py matrix-peaks

Like the job's, its standard output carries JSON lines, of which the last one is a result or an error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "TotalPassportLib.benchmark"

from TotalPassportLib.base.events import Cancellation
from TotalPassportLib.base.streams import claim_standard_output, line_writer, open_standard_streams
from TotalPassportLib.job import ParentWatch, report_failure


def main() -> int:
    """Do one piece of work and return the exit code."""
    closed = open_standard_streams()
    emit = line_writer(claim_standard_output())
    ParentWatch(Cancellation(), None, stdin_closed=0 in closed)
    name, *arguments = sys.argv[1:]
    try:
        emit({"event": "result", **ACTIONS[name](*arguments)})
        return 0
    except (Exception, KeyboardInterrupt) as error:
        return report_failure(error, emit)


def _scan(ct: str) -> dict[str, Any]:
    from TotalPassportLib.image.volume import load_ct

    volume = load_ct(Path(ct))
    return {"shape": volume.voxels.shape, "spacing_mm": volume.spacing_mm.tolist()}


def _whole_volume(model: str, ct: str, output: str) -> dict[str, Any]:
    from TotalPassportLib.benchmark.whole_volume import segment_whole_volume

    return segment_whole_volume(model, Path(ct), Path(output))


def _plain_windows(model: str, ct: str, output: str) -> dict[str, Any]:
    from TotalPassportLib.benchmark.plain_windows import segment_in_plain_windows

    return segment_in_plain_windows(model, Path(ct), Path(output))


def _convert(model: str, weights: str) -> dict[str, Any]:
    from TotalPassportLib.models.transfer.weights import weights_model

    return {"model": str(weights_model(model, Path(weights)))}


def _synthetic(name: str, output: str) -> dict[str, Any]:
    from TotalPassportLib.benchmark.synthetic import SCANS, write_synthetic_scan

    write_synthetic_scan(SCANS[name], Path(output))
    return {}


def _matrix_peaks() -> dict[str, Any]:
    from TotalPassportLib.benchmark.matrix_peaks import measure_matrix_peaks

    return {"peaks": measure_matrix_peaks()}


ACTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "scan": _scan,
    "whole-volume": _whole_volume,
    "plain-windows": _plain_windows,
    "convert": _convert,
    "synthetic": _synthetic,
    "matrix-peaks": _matrix_peaks,
}

if __name__ == "__main__":
    sys.exit(main())
