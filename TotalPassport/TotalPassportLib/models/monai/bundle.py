"""MONAI's bundle of wholeBody_ct_segmentation as it lies on the disk: found, unpacked as if it were hostile, read.

configs/inference.json, metadata.json    read as data; what looks like Python in them is never evaluated
models/model.pt, model_lowres.pt         1.5 mm and 3.0 mm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import ModelError
from ...base.files import read_json
from ..nnunet.archive import unpack_members

CONFIGURATION, METADATA = "configs/inference.json", "configs/metadata.json"
HIGHRES, LOWRES = CHECKPOINTS = ("models/model.pt", "models/model_lowres.pt")
SPACING_MM = {HIGHRES: 1.5, LOWRES: 3.0}
MEMBERS = (CONFIGURATION, METADATA, *CHECKPOINTS)
CHECKPOINT_SUFFIXES = (".pt", ".pth", ".ts")
PREPROCESSING = (
    {"_target_": "LoadImaged"}, {"_target_": "EnsureTyped"}, {"_target_": "EnsureChannelFirstd"},
    {"_target_": "Orientationd", "axcodes": "RAS"}, {"_target_": "Spacingd", "pixdim": "@pixdim", "mode": "bilinear"},
    {"_target_": "NormalizeIntensityd", "nonzero": True},
    {"_target_": "ScaleIntensityd", "minv": -1.0, "maxv": 1.0},
)  # fmt: skip
"""What the bundle does before its network; `monai` and `zscore_nonzero` do the same here."""
PIXDIM = "$[1.5,1.5,1.5]if@displayable_configs#highreselse[3.0,3.0,3.0]"
USUAL_SIZE, USUAL_OVERLAP = 96, 0.25
EXPORT = "Export its network to ONNX, and describe that: see docs/models.md."


@dataclass(frozen=True, kw_only=True)
class MonaiBundle:
    """A bundle, or a checkpoint of one alone.

    Attributes
    ----------
    name : str
        Of the folder or file.
    checkpoints : mapping of str to Path
        By their names in the bundle, such as ``models/model.pt``.
    windows : tuple of int
        Voxels of a window along x, y, z.
    overlap : float
        Of windows, as a part of their size.
    names : mapping of int to str, optional
        What the channels mean, without the background; None where the bundle does not say.
    """

    name: str
    checkpoints: Mapping[str, Path]
    windows: tuple[int, int, int] = (USUAL_SIZE,) * 3
    overlap: float = USUAL_OVERLAP
    names: Mapping[int, str] | None = None

    @property
    def strides(self) -> tuple[int, int, int]:
        """Voxels from one window to the next along x, y, z."""
        x, y, z = (max(1, int(size * (1 - self.overlap))) for size in self.windows)
        return x, y, z


def is_bundle(path: Path) -> bool:
    """Whether a path is a bundle's folder, a folder with one in it, or a checkpoint of one."""
    if path.is_dir():
        return _folder_of(path) is not None
    return path.suffix.lower() in CHECKPOINT_SUFFIXES and path.is_file()


def read_bundle(path: Path, work: Path) -> MonaiBundle | None:
    """Return the bundle in a folder, a zip or a checkpoint; None if there is none.

    Parameters
    ----------
    work : Path
        Where a zip is unpacked.

    Raises
    ------
    ModelError
        It is damaged, hostile, or prepares scans in another way than the one that is known.
    """
    if path.suffix.lower() == ".zip" and path.is_file():
        if not unpack_members(path, work, MEMBERS):
            return None
        path = work
    if not is_bundle(path):
        return None
    if path.is_file():
        known = next((name for name in CHECKPOINTS if "lowres" in name and "lowres" in path.name), HIGHRES)
        return MonaiBundle(name=path.stem, checkpoints={known: path})
    folder = _folder_of(path)
    assert folder is not None  # `is_bundle`
    checkpoints = {name: folder / name for name in CHECKPOINTS if (folder / name).is_file()}
    if not (folder / CONFIGURATION).is_file():
        return MonaiBundle(name=folder.name, checkpoints=checkpoints)
    configuration = read_json(folder / CONFIGURATION, ModelError)
    what = f"'{folder / CONFIGURATION}'"
    try:
        windows, overlap = _settings(configuration, what)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _another(what, "it has not the fields of MONAI's whole-body bundle") from error
    return MonaiBundle(
        name=folder.name, checkpoints=checkpoints, windows=windows, overlap=overlap, names=_names(folder / METADATA)
    )


def _folder_of(path: Path) -> Path | None:
    """Return the bundle's folder in a path: itself, the one that holds it, or one in it."""
    try:
        inside = sorted(entry for entry in path.iterdir() if entry.is_dir())
    except OSError:
        return None
    candidates = [path, *inside, *([path.parent] if path.name in ("models", "configs") else [])]
    return next(
        (folder for folder in candidates if any((folder / checkpoint).is_file() for checkpoint in CHECKPOINTS)), None
    )


def _settings(configuration: Mapping[str, Any], what: str) -> tuple[tuple[int, int, int], float]:
    """Return size and overlap of the windows, after a look at what else the bundle does."""
    steps = configuration["preprocessing"]["transforms"]
    found = [{key: value for key, value in step.items() if key != "keys"} for step in steps]
    if found != list(PREPROCESSING):
        odd = next((step for step, known in zip(found, PREPROCESSING, strict=False) if step != known), {})
        raise _another(
            what, f"it prepares scans in another way ({str(odd.get('_target_', 'more or fewer steps'))[:60]})"
        )
    if "".join(str(configuration["pixdim"]).split()) != PIXDIM:
        raise _another(what, "it works at other voxel sizes")
    network = configuration["network_def"]
    if network.get("_target_") != "SegResNet" or network.get("spatial_dims") != 3 or network.get("in_channels") != 1:
        raise _another(what, f"its network is {str(network.get('_target_'))[:60]}")
    inferer = configuration["inferer"]
    manner = {key: inferer.get(key) for key in ("_target_", "padding_mode", "mode")}
    if manner != {"_target_": "SlidingWindowInferer", "padding_mode": "replicate", "mode": "gaussian"}:
        raise _another(what, "it puts windows together in another way")
    x, y, z = (int(size) for size in inferer["roi_size"])
    overlap = inferer["overlap"]
    if isinstance(overlap, str):  # a reference, of which one is known
        overlap = configuration["displayable_configs"][overlap.removeprefix("@displayable_configs#")]
    if isinstance(overlap, bool) or not 0 <= float(overlap) < 1 or not all(8 <= size <= 512 for size in (x, y, z)):
        raise _another(what, "its windows make no sense")
    return (x, y, z), float(overlap)


def _names(path: Path) -> dict[int, str] | None:
    """Return what the channels mean by the bundle's metadata, without the background; None where it does not say."""
    if not path.is_file():
        return None
    document = read_json(path, ModelError)
    try:
        channels = document["network_data_format"]["outputs"]["pred"]["channel_def"]
        return {int(value): str(name) for value, name in channels.items() if int(value) > 0}
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _another(what: str, reason: str) -> ModelError:
    return ModelError(f"{what} is of another bundle than MONAI's whole-body one: {reason}.", EXPORT)
