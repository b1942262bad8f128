"""The window as one picture: the panel at the left, three slices and the 3D view beside it, and films of it.

The test host has no main window, so what it draws is put together here in the application's usual layout. Every part is
drawn by the application's own code, from the scene as it is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

PANEL_WIDTH = 460
BAR_PX, GAP_PX = 5, 3
PLACES = {"Red": (0, 0), "3D": (1, 0), "Green": (0, 1), "Yellow": (1, 1)}
"""Column and row of each view in the layout *Four-Up*."""
BARS = {"Red": "#f34a33", "3D": "#747ce1", "Green": "#6eb04b", "Yellow": "#edd54c"}


def panel_picture(host: Any, widget: Any, height: int = 0) -> Image.Image:
    """Return the panel as it is, as high as all that it shows needs and at least this high."""
    parent = widget.parent
    parent.show()
    host.process_events()
    parent.resize(PANEL_WIDTH, max(height, parent.layout().totalHeightForWidth(PANEL_WIDTH)))
    host.process_events()
    with tempfile.TemporaryDirectory() as folder:
        host.grab_widget(parent, Path(folder) / "panel.png")
        return Image.open(Path(folder) / "panel.png").convert("RGB")


def views_picture(host: Any, size: tuple[int, int], zoom: float = 1.0, camera: Any = None) -> Image.Image:
    """Return the four views; the camera stays where it is unless another place is given."""
    width, height = size[0] + GAP_PX, size[1] + BAR_PX + GAP_PX
    whole = Image.new("RGB", (2 * width, 2 * height), "#dddddd")
    with tempfile.TemporaryDirectory() as folder:
        for name, (column, row) in PLACES.items():
            path = Path(folder) / f"{name}.png"
            if name == "3D":
                host.render_3d_view(path, size, camera, zoom)
                rest(host)  # labels follow the camera when it stands still
                host.render_3d_view(path, size, None)
            else:
                host.render_slice_view(name, path, size)
            whole.paste(BARS[name], (column * width, row * height, column * width + size[0], row * height + BAR_PX))
            whole.paste(Image.open(path), (column * width, row * height + BAR_PX))
    return whole


def window_picture(panel: Image.Image, views: Image.Image) -> Image.Image:
    """Return panel and views beside each other; the higher of them says how high."""
    whole = Image.new("RGB", (panel.width + views.width, max(panel.height, views.height)), "#efefef")
    whole.paste(panel, (0, 0))
    whole.paste(views, (panel.width, 0))
    return whole


def rest(host: Any, seconds: float = 0.5) -> None:
    """Keep the window alive for a moment, as a user who looks at it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        host.process_events()


def film_of_a_run(host: Any, is_over: Callable[[], bool], take: Callable[[], Image.Image]) -> list[Image.Image]:
    """Return a picture for every change that can be seen while a run goes on."""
    pictures = [take()]
    while not is_over():
        rest(host, 0.4)
        picture = take()
        if picture.tobytes() != pictures[-1].tobytes():
            pictures.append(picture)
    return pictures


def save_film(path: Path, pictures: list[tuple[Image.Image, int]], width: int) -> None:
    """Write pictures, each with its milliseconds, as a GIF of this width that begins anew at its end."""
    height = round(pictures[0][0].height * width / pictures[0][0].width)
    small = [picture.resize((width, height), Image.Resampling.LANCZOS) for picture, _ms in pictures]
    frames = [picture.quantize(256, kmeans=2, dither=Image.Dither.NONE) for picture in small]
    durations = [ms for _picture, ms in pictures]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)
