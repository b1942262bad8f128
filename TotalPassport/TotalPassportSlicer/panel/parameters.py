"""What the panel remembers, saved with the scene."""

# No "from __future__ import annotations" here: the parameter node wrapper needs the types themselves.
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTextNode
from slicer.parameterNodeWrapper import parameterNodeWrapper


@parameterNodeWrapper
class TotalPassportParameterNode:
    """What the panel remembers, saved with the scene.

    inputVolume - the CT to segment
    model - name of the model in the catalogue
    precision - exact or turbo
    provider - where the network runs; "auto" leaves the choice to the program
    outputSegmentation - receives the organs; a new one if None
    show3D - whether the organs' surfaces are shown
    passport - the text node of the passport that the panel shows
    showCentroids, showAxes, showEllipsoids - what is shown of all organs
    segmentationToDescribe - input of "Passport from segmentation"
    numberedSegments - whether its segments named by numbers are TotalSegmentator's labels
    firstPassport, secondPassport - text nodes of what is compared; the second scan is laid onto the first
    alignmentKind - how it may be moved for that: rigid, similarity, affine
    alignSurfaces - whether the organs' surfaces refine the alignment
    """

    inputVolume: vtkMRMLScalarVolumeNode
    model: str = "demo"
    precision: str = "exact"
    provider: str = "auto"
    outputSegmentation: vtkMRMLSegmentationNode
    show3D: bool = True
    passport: vtkMRMLTextNode
    showCentroids: bool = True
    showAxes: bool = True
    showEllipsoids: bool = False
    segmentationToDescribe: vtkMRMLSegmentationNode
    numberedSegments: bool = False
    firstPassport: vtkMRMLTextNode
    secondPassport: vtkMRMLTextNode
    alignmentKind: str = "rigid"
    alignSurfaces: bool = True
