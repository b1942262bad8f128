"""Tasks: what can be segmented, in which modes, by which networks, and under which names.

A task is one file, ``data/tasks/<name>.json`` (``data/schemas/task.schema.json``). Nothing needs to be installed to
list them: Slicer asks before anything is.

Every structure of every task has one number for ever, for label images that hold several tasks: `Task.number`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from ..base.errors import BadInput
from ..base.files import DATA_FOLDER, read_json
from ..base.labels import Label, LabelTable, load_label_table, table_from_document
from ..base.suggestions import did_you_mean

TASKS_FOLDER = DATA_FOLDER / "tasks"
CT, MR = "CT", "MR"
NORMAL, FAST, FASTEST = MODES = ("normal", "fast", "fastest")
LABELS_PER_SLOT = 256
"""A task's values have 8 bits, so a structure's number is the task's slot in the upper 8 bits and its value below."""
ALL_FOLDS = "all"
SMALL_SUFFIX = "-small"
"""What the model of a mode's smaller networks is called after it."""


@dataclass(frozen=True)
class ExpectedFile:
    """What is known of a file before it comes; None is recorded when the file is first seen."""

    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Licence:
    """Terms of a task's weights; those of a task that is not ``open`` come only from a file that the user has."""

    name: str
    open: bool
    terms_url: str


@dataclass(frozen=True, kw_only=True)
class ReleasedWeights:
    """The archive of one dataset; ``url`` is None where nobody may publish it."""

    number: int
    folder: str
    url: str | None
    archive: ExpectedFile
    checkpoint: ExpectedFile
    plans: ExpectedFile


@dataclass(frozen=True, kw_only=True)
class TaskPart:
    """One network of a mode.

    ``label_values`` are the task's values of its channels, background first; None where channels and values are the
    same numbers, and those that the task does not name are background.
    """

    name: str
    label_values: tuple[int, ...] | None
    weights: ReleasedWeights


@dataclass(frozen=True, kw_only=True)
class Crop:
    """What a scan is cut to: the box of structures that a mode of another task finds, wider by ``addon_mm``.

    ``robust_mode`` finds them more surely, if it is asked for. ``structures`` is empty where the user names them.
    """

    task: str
    mode: str
    robust_mode: str
    structures: tuple[str, ...]
    addon_mm: float

    def mode_asked(self, robust: bool) -> str:
        """Return the mode that finds them, the surer one if ``robust``."""
        return self.robust_mode if robust else self.mode


@dataclass(frozen=True, kw_only=True)
class AfterWork:
    """One step of after-work; ``grid`` is ``model`` or ``input``, ``settings`` are those of its kind in the schema."""

    step: str
    grid: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TaskMode:
    """One way of running a task.

    ``model`` names its converted networks. ``spacing_mm`` is along R, A, S, and None where the scan keeps its voxels
    and the networks' own plans say to what it is resampled. ``step`` is between windows, by the patch. ``folds`` is
    `ALL_FOLDS` or their numbers. ``small_plans`` names a smaller network in the same archives, if there is one.
    """

    model: str
    spacing_mm: tuple[float, float, float] | None
    step: float
    statistics_grid: str
    trainer: str
    plans: str
    small_plans: str | None
    configuration: str
    folds: str | tuple[int, ...]
    crop: Crop | None
    after: tuple[AfterWork, ...]
    parts: tuple[TaskPart, ...]

    @property
    def download_bytes(self) -> int:
        """How much is downloaded for it, as far as that has been published."""
        return sum(part.weights.archive.size_bytes or 0 for part in self.parts)

    @property
    def trainer_folder(self) -> str:
        """The folder inside a dataset's that holds its network, as nnU-Net names it."""
        return f"{self.trainer}__{self.plans}__{self.configuration}"

    @property
    def small(self) -> TaskMode | None:
        """The same mode with its smaller networks; None if it has none."""
        if self.small_plans is None:
            return None
        return replace(self, model=f"{self.model}{SMALL_SUFFIX}", plans=self.small_plans, small_plans=None)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What can be segmented.

    ``modality`` is `CT` or `MR`. ``region`` groups tasks. ``auxiliary_labels`` are structures that its networks find
    and nobody gets. ``roi_crop`` says where a scan is cropped for a few structures, None where that is not done.
    """

    name: str
    title: str
    description: str
    modality: str
    region: str
    slot: int
    licence: Licence
    citations: tuple[str, ...]
    modes: Mapping[str, TaskMode]
    auxiliary_labels: Mapping[int, str]
    roi_crop: Crop | None
    labels: LabelTable

    def mode(self, name: str = NORMAL) -> TaskMode:
        """Return a mode by its name.

        Raises
        ------
        BadInput
            The task does not have it.
        """
        if name not in self.modes:
            raise BadInput(
                f"The task '{self.name}' has no mode '{name}'.", f"It has {' and '.join(self.modes)}; use one of them."
            )
        return self.modes[name]

    def with_small(self) -> Iterator[tuple[str, TaskMode]]:
        """Yield the modes by their names, and after each the same one with its smaller networks, if it has any."""
        for name, mode in self.modes.items():
            yield name, mode
            if mode.small is not None:
                yield name, mode.small

    def number(self, value: int) -> int:
        """Return the number of a structure that no other structure of any task has, now and for ever.

        >>> load_task("total").number(5), load_task("total_mr").number(5)
        (5, 773)
        """
        return LABELS_PER_SLOT * self.slot + value

    def label_values(self, part: TaskPart, channels: int) -> tuple[int, ...]:
        """Return the value of every channel of a part's network, which has this many.

        Raises
        ------
        BadInput
            The network cannot find what the task names.
        """
        if part.label_values is None:
            # What a network finds beyond what anybody has named is nothing to anybody.
            values = tuple(value if value in self.labels else 0 for value in range(channels))
            fits, expected = channels > max(self.labels), max(self.labels) + 1
        else:
            values, expected = part.label_values, len(part.label_values)
            fits = channels == expected
        if not fits:
            raise BadInput(
                f"The network of dataset {part.weights.number} has {channels} channels, but the task '{self.name}' "
                f"was made for {expected}.",
                "The weights are of another release; get those that the task names.",
            )
        return values


def list_tasks() -> tuple[Task, ...]:
    """Return every task, in the order of their slots: large regions first."""
    return tuple(sorted(map(_load, task_names()), key=lambda task: task.slot))


@cache
def task_names() -> tuple[str, ...]:
    """Return the names of all tasks."""
    return tuple(sorted(path.stem for path in TASKS_FOLDER.glob("*.json")))


@cache
def region_titles() -> Mapping[str, str]:
    """Return the regions of the body (`Task.region`) and what to call them, in the order in which to show them."""
    titles: dict[str, str] = read_json(DATA_FOLDER / "regions.json")["regions"]  # our own file: the tests check it
    return MappingProxyType(titles)


def load_task(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    BadInput
        There is no such task.
    """
    if name in task_names():
        return _load(name)
    raise BadInput(f"There is no task '{name}'.", did_you_mean(name, task_names(), "There are"))


@cache
def mode_of_model(model: str) -> tuple[Task, str] | None:
    """Return the task and the mode whose networks make a model of this name, None if it is no task's."""
    return next(
        ((task, name) for task in list_tasks() for name, mode in task.with_small() if mode.model == model), None
    )


def companion_models(mode: TaskMode, crop: Crop | None, *, robust: bool = False) -> tuple[str, ...]:
    """Return the names of the other models that a mode's run needs, that of its crop first.

    Parameters
    ----------
    mode : TaskMode
        The mode.
    crop : Crop, optional
        What the scan is cut to, which need not be the mode's own.
    robust : bool
        Whether the finer rough model is asked for.
    """
    needed = []
    if crop is not None:
        needed.append(load_task(crop.task).mode(crop.mode_asked(robust)).model)
    tasks = [step.settings["task"] for step in mode.after if step.step == "keep_inside_task"]
    return (*needed, *(load_task(task).mode(NORMAL).model for task in tasks))


def model_title(task: Task, name: str, mode: TaskMode) -> str:
    """Return what to call the model of a task's mode of some name.

    >>> task = load_task("total_mr")
    >>> model_title(task, "fast", task.mode("fast"))
    'TotalSegmentator: Whole body (MR), fast, 3 mm'
    """
    size = f", {min(mode.spacing_mm):.3g} mm" if mode.spacing_mm else ""
    small = ", small networks" if mode.plans == task.mode(name).small_plans else ""
    return f"TotalSegmentator: {task.title}{'' if name == NORMAL else f', {name}'}{size}{small}"


def structure_of(number: int) -> tuple[Task, int] | None:
    """Return the task and the value that a number (`Task.number`) stands for; None if it stands for nothing."""
    slot, value = divmod(number, LABELS_PER_SLOT)
    task = next((task for task in list_tasks() if task.slot == slot), None)
    return (task, value) if task is not None and value in task.labels else None


@cache
def task_structures() -> Mapping[str, Label]:
    """Return the structures of all tasks by name, with the values that they have in their tasks.

    A name that several tasks have means the first one's; as an image of several tasks names it, with the task in front,
    it means that task's, and names it for people too.

    >>> task_structures()["lung_nodules"].display_name, task_structures()["total_mr_spleen"].display_name
    ('Lung nodules', 'Spleen (total_mr)')
    """
    structures: dict[str, Label] = {}
    for task in list_tasks():
        for label in task.labels.values():
            structures.setdefault(label.name, label)
            title = f"{label.display_name} ({task.name})"
            structures.setdefault(f"{task.name}_{label.name}", replace(label, display_name=title))
    return MappingProxyType(structures)


@cache
def _load(name: str) -> Task:
    # Our own files are checked by the tests, so that tasks can be listed before anything is installed in Slicer.
    document = read_json(TASKS_FOLDER / f"{name}.json")
    licence = document["licence"]
    return Task(
        name=document["name"],
        title=document["title"],
        description=document["description"],
        modality=document["modality"],
        region=document["region"],
        slot=document["slot"],
        licence=Licence(name=licence["name"], open=licence["access"] == "open", terms_url=licence["terms"]),
        citations=tuple(document["citations"]),
        modes=MappingProxyType({name: _mode(document["modes"][name]) for name in MODES if name in document["modes"]}),
        auxiliary_labels=MappingProxyType({entry["value"]: entry["name"] for entry in document["auxiliary_labels"]}),
        roi_crop=_crop(document.get("roi_crop")),
        labels=_labels(document),
    )


def _labels(document: Mapping[str, Any]) -> LabelTable:
    labels = document["labels"]
    return load_label_table(labels) if isinstance(labels, str) else table_from_document(document)


def _mode(entry: Mapping[str, Any]) -> TaskMode:
    folds = entry["folds"]
    return TaskMode(
        model=entry["model"],
        spacing_mm=_spacing(entry["spacing_mm"]),
        step=float(entry["step"]),
        statistics_grid=entry["statistics_grid"],
        trainer=entry["trainer"],
        plans=entry["plans"],
        small_plans=entry.get("small_plans"),
        configuration=entry["configuration"],
        folds=folds if isinstance(folds, str) else tuple(folds),
        crop=_crop(entry["crop"]),
        after=tuple(_after(step) for step in entry["after"]),
        parts=tuple(_part(part) for part in entry["parts"]),
    )


def _spacing(values: list[float] | None) -> tuple[float, float, float] | None:
    if values is None:
        return None
    right, anterior, superior = values
    return right, anterior, superior


def _crop(entry: Mapping[str, Any] | None) -> Crop | None:
    if entry is None:
        return None
    return Crop(
        task=entry["task"],
        mode=entry["mode"],
        robust_mode=entry.get("robust_mode", entry["mode"]),
        structures=tuple(entry.get("structures", ())),
        addon_mm=float(entry["addon_mm"]),
    )


def _after(entry: Mapping[str, Any]) -> AfterWork:
    settings = {key: value for key, value in entry.items() if key not in ("step", "grid")}
    return AfterWork(step=entry["step"], grid=entry["grid"], settings=MappingProxyType(settings))


def _part(entry: Mapping[str, Any]) -> TaskPart:
    dataset, values = entry["dataset"], entry.get("label_values")
    pins = {file: ExpectedFile(**dataset.get(file, {})) for file in ("checkpoint", "plans")}
    weights = ReleasedWeights(
        number=dataset["number"],
        folder=dataset["folder"],
        url=dataset["url"],
        archive=ExpectedFile(**dataset["archive"]),
        **pins,
    )
    return TaskPart(name=entry["name"], label_values=None if values is None else tuple(values), weights=weights)
