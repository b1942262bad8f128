"""The widget classes that the host has beside Qt's own."""

from __future__ import annotations

import types

from . import ctk_inputs, ctk_widgets, node_combo_box, qmrml_widgets


def widget_classes() -> dict[str, type]:
    """All widget classes of the host, by class name."""
    modules = (ctk_widgets, ctk_inputs, qmrml_widgets, node_combo_box)
    return {cls.__name__: cls for module in modules for cls in module.WIDGETS}


def build_ctk() -> types.ModuleType:
    """The module ``ctk``."""
    module = types.ModuleType("ctk", "The CTK widgets that the host has")
    vars(module).update({name: cls for name, cls in widget_classes().items() if name.startswith("ctk")})
    return module


def slicer_widget_classes() -> dict[str, type]:
    """The widget classes that the module ``slicer`` offers."""
    return {name: cls for name, cls in widget_classes().items() if not name.startswith("ctk")}
