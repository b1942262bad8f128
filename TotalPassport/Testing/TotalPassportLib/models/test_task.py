"""Tasks: every one of TotalSegmentator's is known by its own file, and says what the official table says."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.processes import environment
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.models.catalogue import bundled_catalogue
from TotalPassportLib.models.task import (
    ALL_FOLDS,
    FAST,
    FASTEST,
    NORMAL,
    Crop,
    Task,
    TaskMode,
    list_tasks,
    load_task,
    structure_of,
    task_names,
)

NUMBERS = Path(__file__).with_name("fixtures") / "structure_numbers.csv"
UNRELEASED = {"test", "total_highres_test"}
"""In the official table, but nobody has their weights."""
MODE_OF_ROUGH_DATASET = {None: NORMAL, 300: FAST, 852: FAST, 297: FAST, 298: FASTEST}
OFFICIAL_MODES = {NORMAL: "default", FAST: "fast", FASTEST: "fastest"}


@cache
def document(name: str) -> dict[str, Any]:
    return json.loads((DATA_FOLDER / "tasks" / f"{name}.json").read_text(encoding="utf-8"))


@cache
def schema(name: str) -> jsonschema.Draft7Validator:
    path = DATA_FOLDER / "schemas" / f"{name}.schema.json"
    return jsonschema.Draft7Validator(json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def facts(shared: Path) -> dict[str, Any]:
    """The official table."""
    return json.loads((shared / "facts" / "tasks.json").read_text(encoding="utf-8"))["tasks"]


@pytest.fixture(scope="session")
def datasets(shared: Path) -> dict[int, dict[str, str]]:
    """The official list of weights, by the numbers of their datasets."""
    with (shared / "facts" / "datasets.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["dataset"]): row for row in csv.DictReader(file)}


def all_modes() -> list[tuple[Task, str, TaskMode]]:
    return [(task, name, mode) for task in list_tasks() for name, mode in task.with_small()]


# ------------------------------------------------------------------------------------------------ the files themselves


@pytest.mark.parametrize("name", task_names())
def test_a_task_is_valid_by_its_schema_and_so_are_its_labels(name: str) -> None:
    schema("task").validate(document(name))
    assert document(name)["name"] == name
    labels = document(name)["labels"]
    if not isinstance(labels, str):
        schema("labels").validate({"schema": "totalpassport-labels/1", "name": name, "labels": labels})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("slot",), 255),
        (("modality",), "PET"),
        (("licence", "access"), "stolen"),
        (("modes", "normal", "folds"), []),
        (("modes", "normal", "after", 0, "step"), "make_it_nice"),
        (("modes", "normal", "parts", 0, "dataset", "url"), "http://example.org/a.zip"),
        (("modes", "normal", "parts", 0, "dataset", "folder"), "../Dataset299_body"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused_by_the_schema(path: tuple[Any, ...], value: object) -> None:
    broken = json.loads(json.dumps(document("body")))
    inner = broken
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert not schema("task").is_valid(broken)


def test_every_structure_that_a_task_mentions_is_one_that_somebody_finds() -> None:
    for task, _, mode in all_modes():
        for crop in filter(None, (mode.crop, task.roi_crop)):
            other = load_task(crop.task)
            assert {crop.mode, crop.robust_mode} <= other.modes.keys()
            assert all(other.labels.named(structure) for structure in crop.structures)
            assert other.modality == task.modality
        for step in mode.after:
            inside = {"keep_inside_task": step.settings.get("task"), "keep_near_crop": mode.crop and mode.crop.task}
            found = load_task(inside.get(step.step) or task.name)
            structures = step.settings.get("structures", [step.settings.get("structure")])
            assert all(found.labels.named(structure) for structure in structures if structure)


def test_parts_give_only_values_that_have_a_name_and_together_give_them_all() -> None:
    for task, _, mode in all_modes():
        values = {value for part in mode.parts for value in part.label_values or (0, *task.labels)}
        assert values == {0, *task.labels}


def test_weights_that_several_tasks_use_are_the_same_everywhere() -> None:
    known: dict[int, object] = {}
    for _, _, mode in all_modes():
        for part in mode.parts:
            assert known.setdefault(part.weights.number, part.weights) == part.weights


def test_no_two_modes_would_be_kept_under_one_name() -> None:
    names = [mode.model for _, _, mode in all_modes()]
    assert len({name.lower() for name in names}) == len(names)


def test_the_catalogue_has_the_model_of_every_mode_of_every_task() -> None:
    entries = {entry.name: entry for entry in bundled_catalogue() if entry.datasets}
    modes = {mode.model: (task, name) for task in list_tasks() for name, mode in task.with_small()}
    assert entries.keys() == modes.keys()
    for name, entry in entries.items():
        task, mode = modes[name]
        parts = task.mode(mode).parts
        assert (entry.task, entry.mode) == (task, mode)
        assert entry.spacing_mm == task.mode(mode).spacing_mm
        assert entry.licence == task.licence.name
        assert entry.licensed == (not task.licence.open)
        assert [dataset.part for dataset in entry.datasets] == [part.name for part in parts]
        for dataset, weights in zip(entry.datasets, (part.weights for part in parts), strict=True):
            assert (dataset.number, dataset.folder, dataset.url) == (weights.number, weights.folder, weights.url)
            pinned = (None, None) if dataset.small else (weights.checkpoint.sha256, weights.plans.sha256)
            assert (dataset.checkpoint.sha256, dataset.plans.sha256) == pinned, "other files than the usual networks'"


# --------------------------------------------------------------------------------------------------- the stable numbers


def test_every_structure_has_one_number_for_ever_and_no_number_is_used_twice() -> None:
    """The committed list may only grow: label images that hold several tasks are read by it for ever."""
    with NUMBERS.open(encoding="utf-8", newline="") as file:
        committed = [(int(row["number"]), row["task"], row["structure"]) for row in csv.DictReader(file)]
    now = [(task.number(value), task.name, label.name) for task in list_tasks() for value, label in task.labels.items()]
    assert set(committed) == set(now)
    assert len({number for number, _, _ in committed}) == len(committed)
    assert all(0 < number < 2**16 for number, _, _ in committed)


def test_total_keeps_its_own_numbers() -> None:
    total = load_task("total")
    assert [total.number(value) for value in total.labels] == list(range(1, 118))


def test_a_number_tells_its_task_and_value() -> None:
    task = load_task("liver_segments")
    assert structure_of(task.number(8)) == (task, 8)
    assert structure_of(task.number(9)) is None
    assert structure_of(2**16 - 1) is None


# ------------------------------------------------------------------------------------------------------ what users meet


def test_a_name_that_is_not_known_brings_suggestions() -> None:
    with pytest.raises(BadInput, match=r"no task 'liver_vessel'.*Did you mean liver_vessels"):
        load_task("liver_vessel")
    with pytest.raises(BadInput, match="lung_vessels_LEGACY"):
        load_task("lung_vessels_legacy")
    with pytest.raises(BadInput, match="There are abdominal_muscles, "):
        load_task("../catalogue")


def test_a_mode_that_a_task_does_not_have_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'body' has no mode 'fastest'.*normal and fast"):
        load_task("body").mode(FASTEST)


def test_names_for_people_and_colours_are_there_and_differ_within_a_task() -> None:
    for task in list_tasks():
        assert len({label.display_name for label in task.labels.values()}) == len(task.labels)
        assert len({label.color_rgb for label in task.labels.values()}) == len(task.labels), task.name


def test_a_structure_is_called_and_coloured_alike_in_every_task() -> None:
    known: dict[str, object] = {}
    for task in list_tasks():
        for label in task.labels.values():
            look = (label.display_name, label.color_rgb, label.terminology, label.tissue)
            assert known.setdefault(label.name, look) == look


def test_channels_become_values_and_what_is_auxiliary_becomes_background() -> None:
    cysts = load_task("kidney_cysts")
    assert cysts.label_values(cysts.mode().parts[0], 5) == (0, 1, 2, 0, 0)
    vertebrae = load_task("total").mode().parts[1]
    assert load_task("total").label_values(vertebrae, 27) == (0, *range(25, 51))


def test_weights_of_another_release_are_refused() -> None:
    total, segments = load_task("total"), load_task("liver_segments")
    with pytest.raises(BadInput, match=r"dataset 291 has 26 channels.*made for 25"):
        total.label_values(total.mode().parts[0], 26)
    with pytest.raises(BadInput, match=r"dataset 570 has 8 channels.*made for 9"):
        segments.label_values(segments.mode().parts[0], 8)


def test_tasks_can_be_listed_before_anything_is_installed() -> None:
    code = (
        "import sys\n"
        "for name in ('numpy', 'scipy', 'nibabel', 'onnxruntime', 'fastjsonschema', 'onnx'): sys.modules[name] = None\n"
        "from TotalPassportLib.models.task import list_tasks, load_task\n"
        "print(len(list_tasks()), load_task('teeth').labels[77].display_name)\n"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert process.stdout.strip() == "51 Lower right third molar pulp (FDI 148)", process.stderr


# ------------------------------------------------------------------------------------------------- the official table


def test_every_task_with_weights_is_there(facts: dict[str, Any]) -> None:
    assert set(task_names()) == facts.keys() - UNRELEASED


@pytest.mark.parametrize("name", task_names())
def test_a_task_says_what_the_official_table_says(name: str, facts: dict[str, Any]) -> None:
    task, fact = load_task(name), facts[name]
    assert task.modality == fact["modality"]
    assert task.licence.open is not fact["licensed"]
    assert {value: label.name for value, label in task.labels.items()} == _by_number(fact["labels"])
    assert dict(task.auxiliary_labels) == _by_number(fact.get("auxiliary_labels", {}))
    assert [OFFICIAL_MODES[mode] for mode in task.modes] == list(fact["modes"])
    small = fact.get("small", {"plans": None, "modes": []})
    for mode_name, mode in task.modes.items():
        official = OFFICIAL_MODES[mode_name]
        assert _mode_facts(task, mode) == _official_facts(fact["modes"][official])
        assert mode.small_plans == (small["plans"] if official in small["modes"] else None)
        assert mode.statistics_grid == ("model" if mode_name == FAST else "input")


@pytest.mark.parametrize("name", task_names())
def test_weights_are_where_the_official_list_says(name: str, datasets: dict[int, dict[str, str]]) -> None:
    for mode in load_task(name).modes.values():
        for part in mode.parts:
            row, weights = datasets[part.weights.number], part.weights
            assert weights.folder == row["folder"]
            assert weights.url == (row["url"] or None)
            assert weights.archive.size_bytes == (int(row["zip_bytes"]) if row["zip_bytes"] else None)
            assert weights.archive.sha256 == (row["zip_sha256"] or None)


def test_weights_that_need_a_licence_have_no_address(datasets: dict[int, dict[str, str]]) -> None:
    for task, _, mode in all_modes():
        for part in mode.parts:
            assert (part.weights.url is None) == (not task.licence.open)
            assert (part.weights.url is None) == (datasets[part.weights.number]["licensed"] == "True")


def test_structures_have_the_official_codes_where_there_are_some(shared: Path) -> None:
    official = json.loads((shared / "facts" / "snomed.json").read_text(encoding="utf-8"))
    coded = set()
    for label in (label for task in list_tasks() for label in task.labels.values()):
        if label.terminology is None or label.name not in official:
            assert label.terminology is None
            assert label.name not in official
            continue
        entry = official[label.name]
        coded.add(label.name)
        assert label.terminology.category.code == entry["property_category"]["value"]
        assert label.terminology.type.code == entry["property_type"]["value"]
        modifier = label.terminology.modifier
        assert (modifier and modifier.code) == entry.get("property_modifier", {"value": None})["value"]
    assert len(coded) > 140


def test_running_the_generator_again_changes_nothing(shared: Path) -> None:
    from development.make_tasks import all_documents, as_text

    made = {name: as_text(content) for name, content in all_documents(shared / "facts").items()}
    committed = {path.stem: path.read_text(encoding="utf-8") for path in (DATA_FOLDER / "tasks").glob("*.json")}
    assert made == committed


def _by_number(names: dict[str, str]) -> dict[int, str]:
    return {int(number): name for number, name in names.items()}


def _mode_facts(task: Task, mode: TaskMode) -> dict[str, Any]:
    steps = [{"step": step.step, "grid": step.grid, **step.settings} for step in mode.after]
    return {
        "datasets": [part.weights.number for part in mode.parts],
        "tables": [part.label_values for part in mode.parts],
        "running": (mode.trainer, mode.plans, mode.configuration),
        "folds": mode.folds,
        "spacing": mode.spacing_mm,
        "step": mode.step,
        "crop": mode.crop and _crop_facts(mode.crop),
        "after": steps,
        "to background": sorted(task.auxiliary_labels),
    }


def _crop_facts(crop: Crop) -> tuple[object, ...]:
    return crop.task, crop.mode, crop.robust_mode, crop.structures, crop.addon_mm


def _official_facts(fact: dict[str, Any]) -> dict[str, Any]:
    tables = {part["dataset"]: part["local_to_task_label"].values() for part in fact.get("parts", ())}
    removed = [value for step in fact["after"] if step["do"] == "set_to_background" for value in step["labels"]]
    steps = [_official_step(step) for step in fact["after"] if step["do"] != "set_to_background"]
    return {
        "datasets": fact["datasets"],
        "tables": [(0, *tables[number]) if number in tables else None for number in fact["datasets"]],
        "running": (fact["trainer"], fact["plans"], fact["configuration"]),
        "folds": ALL_FOLDS if fact["folds"] == "all found" else tuple(fact["folds"]),
        "spacing": fact["resample_mm_xyz"] and tuple(fact["resample_mm_xyz"]),
        "step": fact["step"],
        "crop": fact["crop"] and _official_crop(fact["crop"]),
        "after": steps,
        "to background": removed,
    }


def _official_crop(crop: dict[str, Any]) -> tuple[object, ...]:
    mode = MODE_OF_ROUGH_DATASET[crop["dataset"]]
    robust = MODE_OF_ROUGH_DATASET[crop.get("robust_dataset", crop["dataset"])]
    return crop["task"], mode, robust, tuple(crop["structures"]), crop["addon_mm_used"][0]


def _official_step(fact: dict[str, Any]) -> dict[str, Any]:
    """Say an official step in our words: what is done, where, and every number and name of it."""
    names = {
        "keep_largest_piece": ("keep_largest_piece", {"of": "structure"}),
        "remove_small_pieces": ("remove_small_pieces", {"of": "structure", "above_mm3": "largest_mm3"}),
        "relabel_touching_vertebrae": ("number_vertebrae", {"minimum_mm3": "least_mm3"}),
        "dilate_each_into_background": ("dilate_into_background", {"radius_mm": "radius_mm"}),
        "keep_inside_dilated": ("keep_near_crop", {"of": "structures", "dilation_mm": "distance_mm"}),
        "keep_inside": ("keep_inside_task", {}),
    }
    step, fields = names[fact["do"]]
    ours = {"step": step, "grid": {"network": "model", "scan": "input"}[fact["grid"]]}
    if step == "keep_inside_task":
        assert fact["of"] == "label 1 of dataset 305 run as task vertebrae_body"
        ours |= {"task": "vertebrae_body", "structure": load_task("vertebrae_body").labels[1].name}
    return ours | {ours_name: fact[name] for name, ours_name in fields.items()}
