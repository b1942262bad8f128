"""The panel takes no more room than it has something to show for."""

from __future__ import annotations

from typing import Any

import pytest

WIDTH_PX = 460
"""Of the application's left column."""
SMALL_SCREEN_PX = 700


def height_px(panel: Any) -> int:
    """Return how high the panel is at the column's width, from the top of its first section to the end of its last."""
    parent = panel.widget.parent
    parent.resize(WIDTH_PX, SMALL_SCREEN_PX)
    parent.show()
    panel.host.process_events()
    shown = [
        widget for widget in vars(panel.ui).values() if hasattr(widget, "isVisibleTo") and widget.isVisibleTo(parent)
    ]
    return max(widget.mapTo(parent, widget.rect.bottomLeft()).y() for widget in shown)


def test_lines_that_say_nothing_take_no_room(panel: Any) -> None:
    for name in ("statusLabel", "foundLabel", "concernsLabel", "catalogueLabel", "findingsLabel"):
        assert getattr(panel.ui, name).isHidden(), name


@pytest.mark.parametrize("scan", [False, True], ids=["an empty scene", "a scan"])
def test_the_panel_of_a_fresh_start_fits_a_small_screen(panel: Any, scan: bool) -> None:
    if scan:
        panel.choose_scan(panel.add_phantom())
    height = height_px(panel)
    assert 200 < height <= SMALL_SCREEN_PX
    assert panel.widget.parent.minimumSizeHint.width() <= WIDTH_PX


@pytest.mark.slow
def test_a_panel_with_results_is_no_wider_than_its_column(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.ui.compareCollapsibleButton.collapsed = False
    assert height_px(ready) > SMALL_SCREEN_PX
    assert ready.widget.parent.minimumSizeHint.width() <= WIDTH_PX
