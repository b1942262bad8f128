"""Everything in the panel can be reached and done without a mouse, in the order in which it is read."""

from __future__ import annotations

from typing import Any

import pytest

SECTIONS = "CollapsibleButton"
ROW_PX = 16
"""What lies less than this apart is one row."""


@pytest.fixture
def opened(panel: Any, phantom: Any) -> Any:
    """The panel with all sections open, on the screen, and its tables filled."""
    panel.host.enter(panel.widget)
    panel.choose_scan(phantom)
    panel.use_child(panel.phantom_child)
    panel.apply_and_wait()
    for name, widget in vars(panel.ui).items():
        if name.endswith(SECTIONS):
            widget.collapsed = False
    parent = panel.widget.parent
    parent.resize(520, 3000)
    parent.show()
    parent.activateWindow()
    panel.host.process_events()
    return panel


def name_of(panel: Any, widget: Any) -> str:
    """Return the name of a widget of ours, or of the one of ours that it is a part of; empty if it is of none."""
    names = {id(each): name for name, each in vars(panel.ui).items()}
    while widget is not None and id(widget) not in names:
        widget = widget.parentWidget()
    return names.get(id(widget), "")


def tab_stops(panel: Any) -> list[str]:
    """Press Tab until it comes round, and return what had the focus, in that order."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    parent, app = panel.widget.parent, panel.host.app
    panel.ui.inputSelector.setFocus()
    stops: list[str] = []
    for _press in range(300):
        focused = app.focusWidget()
        name = name_of(panel, focused)
        if len(stops) > 1 and name == stops[0] and name != stops[-1]:
            return stops
        if not stops or name != stops[-1]:
            stops.append(name)
        QTest.keyClick(focused if focused is not None else parent, Qt.Key.Key_Tab)
    raise AssertionError(f"Tab does not come round; at last it was in {stops[-3:]}")


def controls(panel: Any) -> dict[str, Any]:
    """Return all that can be worked, by name, as it stands: row after row, and each from left to right."""
    from PySide6 import QtWidgets

    kinds = (
        *(QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QLineEdit),
        *(QtWidgets.QAbstractItemView, QtWidgets.QPlainTextEdit),
    )
    parent = panel.widget.parent
    places = {}
    for name, widget in vars(panel.ui).items():
        is_one = isinstance(widget, kinds) or name.endswith("Selector")
        if is_one and not name.endswith(SECTIONS) and widget.isVisibleTo(parent):
            corner = widget.mapTo(parent, widget.rect.center())
            places[name] = (round(corner.y() / ROW_PX), corner.x())
    return {name: getattr(panel.ui, name) for name in sorted(places, key=places.__getitem__)}


def test_tab_goes_through_everything_in_the_order_in_which_it_is_read_and_comes_round(opened: Any) -> None:
    walked = [name for name in tab_stops(opened) if name and not name.endswith(SECTIONS)]
    assert walked == [name for name, widget in controls(opened).items() if widget.isEnabled()]
    assert len(walked) > 30


def test_every_section_opens_and_closes_without_a_mouse(panel: Any) -> None:
    from PySide6.QtCore import Qt

    for name, widget in vars(panel.ui).items():
        if name.endswith(SECTIONS):
            assert widget.focusPolicy & Qt.FocusPolicy.TabFocus.value, name


def test_a_key_starts_a_run_and_cancels_it(ready: Any) -> None:
    assert ready.ui.applyButton.shortcut.toString() == "Ctrl+Return"
    assert "Ctrl+Return" in ready.ui.applyButton.toolTip
    ready.use_child('emit(event="started", pid=os.getpid()); wait_for_cancel(); sys.exit(5)')
    ready.widget.parent.show()
    ready.widget.parent.activateWindow()
    ready.host.process_events()
    ready.ui.taskComboBox.setFocus()
    press(ready, "Return")
    ready.wait_until(lambda: ready.logic.state.value == "running")
    assert ready.ui.applyButton.text == "Cancel"
    press(ready, "Return")
    assert ready.wait().status.value == "cancelled"


def press(panel: Any, key: str) -> None:
    """Press Ctrl and a key where the focus is."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    target = panel.host.app.focusWidget() or panel.widget.parent
    QTest.keyClick(target, getattr(Qt.Key, f"Key_{key}"), Qt.KeyboardModifier.ControlModifier)


def test_no_two_keys_are_the_same(opened: Any) -> None:
    from PySide6 import QtGui, QtWidgets

    keys = [
        widget.shortcut.toString()
        for widget in opened.widget.parent.findChildren(QtWidgets.QAbstractButton)
        if not widget.shortcut.isEmpty()
    ]
    keys += [action.shortcut.toString() for action in opened.widget.parent.findChildren(QtGui.QAction)]
    keys = [key for key in keys if key]
    assert sorted(keys) == sorted(set(keys))


def test_a_screen_reader_has_words_for_everything(opened: Any) -> None:
    from PySide6.QtWidgets import QLabel

    labelled = {id(label.buddy()) for label in opened.widget.parent.findChildren(QLabel) if label.buddy() is not None}
    silent = [
        name
        for name, widget in controls(opened).items()
        if not any(getattr(widget, each, "") for each in ("accessibleName", "text", "placeholderText", "toolTip"))
        and id(widget) not in labelled
        and name != "logText"
    ]
    assert silent == []
    assert len(labelled) > 8
