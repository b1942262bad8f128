"""What a run gives back, and what it has found before that is measured and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .image.volume import Volume
from .options import OutputPaths
from .passport import Passport
from .segmentation.combination import CombinedLabels
from .segmentation.logits_collection import LogitsCollection
from .segmentation.probabilities import ProbabilityCollection
from .segmentation.task_segmentation import ScanLabels


@dataclass(frozen=True, kw_only=True)
class ScanResult:
    """What a run has found.

    Attributes
    ----------
    segmentation : object
        The labels as an image of the kind that the scan was given as: nibabel's, SimpleITK's or an `ImageArray`;
        nibabel's where the scan was a file.
    passport : Passport
        What was measured.
    provider, arithmetic : str
        What really ran; the provider by onnxruntime's name.
    precision : str
        What was asked for.
    seconds : mapping of str to float
        Wall time of each stage.
    network_seconds : float
        The part of the stage ``infer`` that was spent in the network.
    """

    segmentation: Any = field(repr=False)
    passport: Passport
    provider: str
    precision: str
    arithmetic: str
    seconds: Mapping[str, float]
    network_seconds: float


@dataclass(frozen=True, kw_only=True)
class RunResult(ScanResult):
    """What a run has found and written; ``paths`` are the files.

    Of a scan that was read from a file, the ``segmentation`` is read back from what was written when its voxels are
    asked for, so that results of many scans take no memory.
    """

    paths: OutputPaths


@dataclass(frozen=True, kw_only=True)
class SegmentedScan:
    """A scan with what was found in it: all that its files are made of.

    Attributes
    ----------
    scan : Volume
        The scan as it was read.
    found : sequence of ScanLabels
        What each model has found, in the order in which they were asked for.
    combined : CombinedLabels
        The same as one label image, which is written.
    probabilities : ProbabilityCollection, optional
        Those that are to be written; whoever has it closes it.
    """

    scan: Volume
    found: Sequence[ScanLabels]
    combined: CombinedLabels
    probabilities: ProbabilityCollection | LogitsCollection | None = None


@dataclass(frozen=True, kw_only=True)
class DescribedScan:
    """A scan with its passport: what is left to do is to write its files.

    Attributes
    ----------
    segmented : SegmentedScan
        The labels.
    passport : Passport
        What was measured of them.
    statistics : str, optional
        The text of the file of statistics, if that was asked for.
    """

    segmented: SegmentedScan
    passport: Passport
    statistics: str | None

    @property
    def network_seconds(self) -> float:
        """Wall time that was spent in the networks."""
        return sum(each.on_model_grid.network_seconds for each in self.segmented.found if each.on_model_grid)
