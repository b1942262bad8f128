"""Logits of a run's networks, each a zarr array ``[c, z, y, x]`` on the grid on which its network works.

What a network gives lies in a file without a name meanwhile, see `probabilities`, and is written plane by plane.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..base.temporaries import folder_beside
from ..image.axis_sampling import mapped_affine, same_borders
from ..image.preparation import PreparedCT
from .logits import LogitsBlender
from .logits_store import logits_store, put_in_place
from .part_plan import PartPlan
from .probabilities import MappedLogitsBlender

PLANES_AT_ONCE = 8


@dataclass(kw_only=True)
class LogitsCollection:
    """The logits of a run, under temporary names until `put_in_place`.

    Attributes
    ----------
    folder : Path
        Where the arrays will be.
    found : dict of str to Path
        Name of model and part -> its array, of those that are complete.
    """

    folder: Path
    found: dict[str, Path] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _work: Path | None = None

    def __enter__(self) -> LogitsCollection:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what has no name of its own yet."""
        self._stack.close()

    def wants(self, index: int, count: int) -> bool:
        """Whether the network of this place among those that run is to be kept: each is."""
        return True

    def keeper(self, name: str, ct: PreparedCT, tick: Callable[[], None]) -> LogitsArrayKeeper:
        """Return what keeps the logits of one part."""
        if self._work is None:
            self._work = self._stack.enter_context(folder_beside(self.folder / "arrays"))
        return LogitsArrayKeeper(collection=self, work=self._work, name=name, ct=ct, tick=tick)

    def put_in_place(self) -> None:
        """Give all arrays their names."""
        for name, path in self.found.items():
            put_in_place(path, self.folder / f"{name}.zarr")


@dataclass(frozen=True, kw_only=True)
class LogitsArrayKeeper:
    """Writes the logits of one part; ``tick`` is called for each slab, and what it raises ends the work."""

    collection: LogitsCollection
    work: Path
    name: str
    ct: PreparedCT
    tick: Callable[[], None]

    @property
    def blender(self) -> Callable[..., LogitsBlender]:
        """What collects the logits, on the collection's disk."""
        return partial(MappedLogitsBlender, self.work)

    def keep(self, logits: np.ndarray, plan: PartPlan) -> None:
        """Take the logits of the part, float16 ``[z, y, x, channels]``, axes as the network has them."""
        back = np.argsort(plan.part.axes)
        turned = np.moveaxis(logits, -1, 0).transpose(0, *(1 + back))
        path = self.work / f"{self.name}.zarr"
        with logits_store(path, turned.shape, self._attributes(plan, turned.shape[1:])) as store:
            for first in range(0, turned.shape[1], PLANES_AT_ONCE):
                store.add(np.ascontiguousarray(turned[:, first : first + PLANES_AT_ONCE]))
                self.tick()
        self.collection.found[self.name] = path

    def _attributes(self, plan: PartPlan, shape_zyx: tuple[int, ...]) -> dict[str, Any]:
        """Return what the array's channels and voxels are."""
        sides = zip(self.ct.box_zyx[::-1], shape_zyx[::-1], strict=True)
        between = [(same_borders(side.stop - side.start, size), side.start) for side, size in sides]
        maps = [replace(each, offset=each.offset + first) for each, first in between]
        return {
            "axes": ["c", "z", "y", "x"],
            "affine_ras_mm_of_xyz": mapped_affine(self.ct.affine, maps).tolist(),
            "label_values": [int(value) for value in plan.part.label_values],
            "channels_are_regions": bool(plan.part.regions),
        }
