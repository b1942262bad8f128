"""What the application's button "Reload" does to a scripted module: its file anew, and a new panel in the old place."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any


def reload_module(host: Any, widget: Any) -> Any:
    """Read a module's file again, clean up its panel and build the new one in its place; return that.

    As in the application neither ``exit`` nor ``enter`` is called, and only the module's own file is read again.
    """
    import slicer

    panel = host.panel_of(widget)
    path = Path(panel.module().path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    file = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = file
    spec.loader.exec_module(file)
    for child in panel.children():
        if hasattr(child, "hide"):
            child.hide()
    while panel.layout().count():
        panel.layout().removeItem(panel.layout().itemAt(0))
    widget.cleanup()
    for observation in getattr(widget, "Observations", ()):
        host.errors.add("leftover", f"after cleanup() the panel still observes: {observation[:2]}")
    new = getattr(file, f"{path.stem}Widget")(panel)
    panel._python_self = new
    setattr(slicer.modules, f"{path.stem}Widget", new)
    new.setup()
    host.process_events()
    return new
