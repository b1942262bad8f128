"""What the panel remembers, saved with the scene."""

# No "from __future__ import annotations" here: the parameter node wrapper needs the types themselves.
from collections.abc import Iterable
from typing import Any

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTextNode
from slicer.parameterNodeWrapper import parameterNodeWrapper
from TotalPassportLib.options import DEFAULT_OPTIONS, RunOptions, option_names


@parameterNodeWrapper
class TotalPassportParameterNode:
    """What the panel remembers, saved with the scene.

    inputVolume - the CT to segment
    model, task, fast, fastest, precision, provider, roi - the options of a run that the panel has, see RunOptions and
        run_options; several names in one text, see names_in
    outputSegmentation - receives the organs; a new one if None
    show3D - whether the organs' surfaces are shown
    passport - the text node of the passport that the panel shows
    confidence - whether runs are to tell how sure the networks are, and whether that is shown over the scan
    showCentroids, showAxes, showEllipsoids - what is shown of the selected organs
    showAllOrgans - whether it is shown of all organs instead
    segmentationToDescribe - input of "Make passport"
    firstPassport, secondPassport - text nodes of what is compared; the second scan is laid onto the first
    alignmentKind - how it may be moved for that: rigid, similarity, affine
    alignSurfaces - whether the organs' surfaces refine the alignment
    """

    inputVolume: vtkMRMLScalarVolumeNode
    model: str = DEFAULT_OPTIONS.model
    task: str = ""
    fast: bool = False
    fastest: bool = False
    precision: str = DEFAULT_OPTIONS.precision
    provider: str = DEFAULT_OPTIONS.provider
    roi: str = ""
    outputSegmentation: vtkMRMLSegmentationNode
    show3D: bool = True
    passport: vtkMRMLTextNode
    showCentroids: bool = True
    showAxes: bool = True
    showEllipsoids: bool = False
    confidence: bool = False
    showAllOrgans: bool = False
    segmentationToDescribe: vtkMRMLSegmentationNode
    firstPassport: vtkMRMLTextNode
    secondPassport: vtkMRMLTextNode
    alignmentKind: str = "rigid"
    alignSurfaces: bool = True


def run_options(parameters: Any) -> RunOptions:
    """Return the options of a run: each has the value of the parameter of its name, or its default if there is none.

    A parameter's name is that of the option in Slicer's manner: removeSmallBlobs for remove_small_blobs.
    """
    names = {option: _in_slicers_manner(option) for option in option_names()}
    known = {option: getattr(parameters, name) for option, name in names.items() if hasattr(parameters, name)}
    several = {
        option: names_in(known[option]) for option in known if isinstance(getattr(DEFAULT_OPTIONS, option), tuple)
    }
    return RunOptions.from_entries(known | several)


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a parameter that holds several: a text with commas, which is the same in all versions.

    >>> names_in("liver,spleen"), names_in("")
    (('liver', 'spleen'), ())
    """
    return tuple(name for name in text.split(",") if name)


def joined_names(names: Iterable[str]) -> str:
    """Return names as a parameter holds them, see `names_in`."""
    return ",".join(names)


def _in_slicers_manner(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
