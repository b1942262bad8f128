"""Typed parameter nodes."""

from __future__ import annotations

import enum
import pathlib
from typing import Annotated, Any, Optional, Union

import pytest


class Mode(enum.Enum):
    """Two modes."""

    FAST = 1
    FULL = 2


@pytest.fixture
def wrapper_class(slicer_host: Any) -> type:
    """A wrapper with a field of every type. Made by hand: this file's annotations are strings, which Slicer refuses."""
    import slicer
    from slicer.parameterNodeWrapper import Choice, Default, Minimum, WithinRange, parameterNodeWrapper

    annotations = {
        "flag": bool,
        "count": Annotated[int, Minimum(1)],
        "ratio": Annotated[float, WithinRange(0.0, 1.0), Default(0.25)],
        "text": str,
        "mode": Mode,
        "provider": Annotated[str, Choice(["auto", "cpu"])],
        "folder": pathlib.Path,
        "names": list[str],
        "pair": tuple[int, str],
        "sizes": dict[str, float],
        "node": slicer.vtkMRMLScalarVolumeNode,
        "maybe": Optional[slicer.vtkMRMLTableNode],  # noqa: UP045 - as modules write it
        "either": Union[slicer.vtkMRMLModelNode, slicer.vtkMRMLTextNode, None],  # noqa: UP007
    }
    return parameterNodeWrapper(type("Parameters", (), {"__annotations__": annotations, "text": "hello"}))


@pytest.fixture
def parameters(wrapper_class: type) -> Any:
    import slicer

    return wrapper_class(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))


def test_defaults(parameters: Any) -> None:
    assert (parameters.flag, parameters.count, parameters.ratio, parameters.text) == (False, 1, 0.25, "hello")
    assert (parameters.mode, parameters.provider, parameters.folder) == (Mode.FAST, "auto", pathlib.Path())
    assert (parameters.names, parameters.pair, parameters.sizes) == ([], (0, ""), {})
    assert (parameters.node, parameters.maybe) == (None, None)


def test_values_are_kept_in_the_node_itself(parameters: Any, wrapper_class: type, volume: Any) -> None:
    parameters.flag = True
    parameters.count = 7
    parameters.ratio = 0.1
    parameters.text = ""
    parameters.mode = Mode.FULL
    parameters.folder = pathlib.Path("/data/x")
    parameters.names = ["a", "b"]
    parameters.node = volume
    again = wrapper_class(parameters.parameterNode)
    assert (again.flag, again.count, again.ratio, again.mode) == (True, 7, 0.1, Mode.FULL)
    assert (again.folder, again.names, again.node) == (pathlib.Path("/data/x"), ["a", "b"], volume)
    assert parameters.parameterNode.GetNodeReferenceID("node") == volume.GetID()
    parameters.node = None
    assert again.node is None


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("flag", 1, TypeError),
        ("count", 0, ValueError),
        ("count", 1.5, TypeError),
        ("count", True, TypeError),
        ("ratio", 2.0, ValueError),
        ("text", None, TypeError),
        ("provider", "gpu", ValueError),
        ("names", ["a", 1], TypeError),
        ("pair", (1, "a", 2), ValueError),
        ("pair", ("a", 1), TypeError),
        ("sizes", {"a": "b"}, TypeError),
        ("node", "vtkMRMLScalarVolumeNode1", TypeError),
    ],
)
def test_wrong_values_are_refused(parameters: Any, name: str, value: Any, error: type) -> None:
    with pytest.raises(error):
        setattr(parameters, name, value)


def test_nodes_of_a_wrong_class_are_refused(parameters: Any, volume: Any) -> None:
    import slicer

    parameters.either = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
    with pytest.raises(TypeError):
        parameters.either = volume


def test_a_removed_node_is_none(parameters: Any, volume: Any) -> None:
    import slicer

    parameters.node = volume
    slicer.mrmlScene.RemoveNode(volume)
    assert parameters.node is None


def test_an_empty_text_is_a_value_and_what_is_gone_is_the_default_again(parameters: Any) -> None:
    parameters.text = ""
    assert parameters.text == ""
    parameters.parameterNode.UnsetAllParameters()  # as closing the scene does
    assert parameters.text == "hello"


def test_values_stand_in_the_scene_as_the_application_writes_them(parameters: Any, volume: Any) -> None:
    parameters.flag, parameters.ratio, parameters.mode, parameters.node = True, 1, Mode.FULL, volume
    names = ("flag", "ratio", "mode", "node", "maybe", "text")
    assert [parameters.parameterNode.GetParameter(name) for name in names] == ["True", "1", "FULL", "", "", "hello"]
    assert parameters.parameterNode.HasParameter("node")


def test_the_wrapper_tells_defaults_and_types_with_their_annotations(parameters: Any) -> None:
    from slicer.parameterNodeWrapper import Default, WithinRange

    assert parameters.default("ratio") == Default(0.25)
    assert parameters.dataType("ratio") == Annotated[float, WithinRange(0.0, 1.0), Default(0.25)]
    assert not parameters.isCached("ratio")


def test_it_can_be_observed_like_a_node(parameters: Any) -> None:
    import vtk
    from slicer.util import VTKObservationMixin

    heard, mixin = [], VTKObservationMixin()
    mixin.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, lambda *_: heard.append(1))
    parameters.count = 5
    assert heard == [1]
    mixin.removeObservers()
    parameters.count = 6
    assert heard == [1]


def test_several_changes_can_be_one_event(parameters: Any) -> None:
    import slicer
    import vtk

    heard = []
    tag = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: heard.append(1))
    with slicer.util.NodeModify(parameters):
        parameters.count = 5
        parameters.flag = True
    assert heard == [1]
    parameters.RemoveObserver(tag)


def test_a_combo_box_offers_the_choices(parameters: Any) -> None:
    import qt

    combo = qt.QComboBox()
    tag = parameters.connectParametersToGui({"provider": combo})
    assert [combo.itemText(i) for i in range(combo.count)] == ["auto", "cpu"]
    combo.currentIndex = 1
    assert parameters.provider == "cpu"
    parameters.disconnectGui(tag)
    combo.currentIndex = 0
    assert parameters.provider == "cpu"


def test_annotations_that_are_strings_are_refused(slicer_host: Any) -> None:
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    with pytest.raises(TypeError, match="are strings"):
        parameterNodeWrapper(type("Wrong", (), {"__annotations__": {"count": "int"}}))


def test_types_that_nobody_knows_are_refused(slicer_host: Any) -> None:
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    with pytest.raises(TypeError, match="does not know the type"):
        parameterNodeWrapper(type("Wrong", (), {"__annotations__": {"count": object}}))


def test_a_parameter_node_of_another_class_is_refused(wrapper_class: type, volume: Any) -> None:
    with pytest.raises(TypeError, match="a parameter node is needed"):
        wrapper_class(volume)
