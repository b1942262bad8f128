"""Write ``data/tasks/*.json`` from TotalSegmentator's own table, which ``../shared/facts`` holds, and from our choices.

    python -m development.make_tasks ../shared/facts

What the facts do not know is in `tasks_by_hand.csv` (a task's number, title, region) and in the tables below (names
for people, papers, which structures are bone). Equal input gives equal bytes.
"""

from __future__ import annotations

import argparse
import colorsys
import csv
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1] / "TotalPassport" / "TotalPassportLib" / "data"
UNRELEASED = ("test", "total_highres_test")
"""Tasks of the table that nobody has weights of."""
MODE_NAMES = {"default": "normal", "fast": "fast", "fastest": "fastest"}
TERMS = "https://backend.totalsegmentator.com/license-academic/"
LICENCES = {
    "open": {"name": "Apache-2.0", "access": "open", "terms": "https://www.apache.org/licenses/LICENSE-2.0"},
    "brain_aneurysm": {
        "name": "CC BY-NC 4.0", "access": "open", "terms": "https://creativecommons.org/licenses/by-nc/4.0/"
    },
    "licensed": {"name": "TotalSegmentator licence", "access": "licensed", "terms": TERMS},
}  # fmt: skip

TOTALSEGMENTATOR = "Wasserthal et al., Radiology: Artificial Intelligence 2023, https://doi.org/10.1148/ryai.230024"
MR = "Akinci D'Antonoli et al., Radiology 2025, https://doi.org/10.1148/radiol.241613"
NNUNET = "Isensee et al., Nature Methods 2021, https://doi.org/10.1038/s41592-020-01008-z"
PAPERS = {
    "lung_vessels_LEGACY": ("https://www.sciencedirect.com/science/article/pii/S0720048X22001097",),
    "cerebral_bleed": ("https://www.mdpi.com/2077-0383/12/7/2631",),
    "pleural_pericard_effusion": (
        "https://doi.org/10.1097/RLI.0000000000000869", "https://doi.org/10.3390/diagnostics12051045"
    ),
}  # fmt: skip
"""What the authors ask to cite for a task besides the papers of the whole."""

PART_NAMES = {
    291: "organs", 292: "vertebrae", 293: "cardiac", 294: "muscles", 295: "ribs",
    831: "organs", 832: "vertebrae", 833: "cardiac", 834: "muscles", 835: "ribs",
    850: "organs", 851: "muscles", 778: "part1", 779: "part2",
}  # fmt: skip
MODEL_NAMES = {("total", "normal"): "full", ("total", "fast"): "fast", ("total", "fastest"): "fastest"}
"""Models that had their name before there were tasks; any other is called by task and mode."""

PINS = {
    297: {
        "checkpoint": {
            "size_bytes": 164939235, "sha256": "1e38e40356adc2706a662e365405a97f862d62a7da65f6bf81d025aee1b979ac"
        },
        "plans": {"size_bytes": None, "sha256": "d1cb3c15f53dc36fdb618e0f9082573d1f50b74a9b5fa73094ac8680845839f1"},
    }
}  # fmt: skip
"""What others have published of the files inside an archive (facts/weights.md)."""
ROI_CROPS = {
    "total": {"task": "total", "mode": "fastest", "robust_mode": "fast", "addon_mm": 20},
    "total_v3": {"task": "total", "mode": "fastest", "robust_mode": "fast", "addon_mm": 20},
    "total_mr": {"task": "total_mr", "mode": "fast", "addon_mm": 20},
}
"""How a scan is cropped for a few structures of a task; the official program refuses that for all other tasks."""

DISPLAY_NAMES = {
    "carpal": "Carpal bones", "tarsal": "Tarsal bones", "metatarsal": "Metatarsal bones",
    "metacarpal": "Metacarpal bones", "phalanges_feet": "Phalanges of the feet",
    "phalanges_hand": "Phalanges of the hand", "sinus_maxillary": "Maxillary sinuses",
    "sinus_frontal": "Frontal sinuses", "teeth_lower": "Lower teeth", "teeth_upper": "Upper teeth",
    "lung_pleural": "Lung and pleura", "body_trunc": "Trunk", "body_extremities": "Extremities",
    "coracobrachial": "Coracobrachialis", "lung_trachea_bronchia": "Trachea and bronchi",
    "heart_atrium_left": "Left atrium", "heart_atrium_right": "Right atrium", "heart_myocardium": "Myocardium",
    "heart_ventricle_left": "Left ventricle", "heart_ventricle_right": "Right ventricle",
    "annulus_proper": "Aortic annulus", "annulus": "Annulus", "pul_annulus": "Pulmonary annulus",
    "pul_sinotubular_junction": "Pulmonary sinotubular junction", "pul_bifurcation": "Pulmonary bifurcation",
    "pul_left_start": "Start of the left pulmonary artery", "pul_right_start": "Start of the right pulmonary artery",
    "lung_airways_wall": "Airway walls", "lung_airways": "Airways", "larynx_air": "Air in the larynx",
    "vertebrae_body": "Vertebral bodies", "celiac_trunk": "Celiac trunk",
}  # fmt: skip
BONES = {
    "patella", "tibia", "fibula", "tarsal", "metatarsal", "phalanges_feet", "ulna", "radius", "carpal", "metacarpal",
    "phalanges_hand", "vertebrae", "vertebrae_L6", "vertebrae_body", "mandible", "zygomatic_arch_left",
    "zygomatic_arch_right", "styloid_process_left", "styloid_process_right", "hyoid", "lower_jawbone", "upper_jawbone",
}  # fmt: skip


def main() -> None:
    """Write every task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("facts", type=Path, help="folder with tasks.json, datasets.csv and snomed.json")
    parser.add_argument("--out", type=Path, default=DATA / "tasks")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    for name, document in all_documents(options.facts).items():
        (options.out / f"{name}.json").write_text(as_text(document), encoding="utf-8")


def all_documents(facts: Path) -> dict[str, dict[str, Any]]:
    """Return the document of every task by its name."""
    table = json.loads((facts / "tasks.json").read_text(encoding="utf-8"))["tasks"]
    with (facts / "datasets.csv").open(encoding="utf-8", newline="") as file:
        datasets = {int(row["dataset"]): row for row in csv.DictReader(file)}
    with Path(__file__).with_name("tasks_by_hand.csv").open(encoding="utf-8", newline="") as file:
        by_hand = {row["task"]: row for row in csv.DictReader(file)}
    labels = Labels(json.loads((facts / "snomed.json").read_text(encoding="utf-8")))
    return {
        name: task_document(name, entry, by_hand[name], datasets, labels)
        for name, entry in table.items()
        if name not in UNRELEASED
    }


def task_document(
    name: str,
    entry: Mapping[str, Any],
    by_hand: Mapping[str, str],
    datasets: Mapping[int, Mapping[str, str]],
    labels: Labels,
) -> dict[str, Any]:
    """Return the document of one task."""
    licence = LICENCES.get(name, LICENCES["licensed" if entry["licensed"] else "open"])
    auxiliary = {int(value): structure for value, structure in entry.get("auxiliary_labels", {}).items()}
    return {
        "schema": "totalpassport-task/1",
        "name": name,
        "title": by_hand["title"],
        "description": by_hand["description"],
        "modality": entry["modality"],
        "region": by_hand["region"],
        "slot": int(by_hand["slot"]),
        "licence": licence,
        "citations": [TOTALSEGMENTATOR, *([MR] if entry["modality"] == "MR" else []), NNUNET, *PAPERS.get(name, ())],
        **({"roi_crop": ROI_CROPS[name]} if name in ROI_CROPS else {}),
        "modes": {MODE_NAMES[mode]: mode_document(name, mode, entry, datasets) for mode in entry["modes"]},
        "auxiliary_labels": [{"value": value, "name": structure} for value, structure in auxiliary.items()],
        "labels": "total" if name == "total" else labels.table(entry["labels"]),
    }


def mode_document(
    task: str, name: str, entry: Mapping[str, Any], datasets: Mapping[int, Mapping[str, str]]
) -> dict[str, Any]:
    """Return one mode of a task: what runs at which resolution, and what is done with its labels."""
    mode = entry["modes"][name]
    small = entry.get("small", {})
    ours, spacing = MODE_NAMES[name], mode["resample_mm_xyz"]
    return {
        "model": MODEL_NAMES.get((task, ours), task.lower() if ours == "normal" else f"{task.lower()}-{ours}"),
        "spacing_mm": spacing and [float(value) for value in spacing],
        "step": mode["step"],
        "statistics_grid": "model" if name == "fast" else "input",
        "trainer": mode["trainer"],
        "plans": mode["plans"],
        **({"small_plans": small["plans"]} if name in small.get("modes", ()) else {}),
        "configuration": mode["configuration"],
        "folds": "all" if mode["folds"] == "all found" else mode["folds"],
        "crop": crop_document(mode["crop"]),
        "after": [after_document(step) for step in mode["after"] if step["do"] != "set_to_background"],
        "parts": [part_document(number, task, mode, datasets[number]) for number in mode["datasets"]],
    }


def part_document(number: int, task: str, mode: Mapping[str, Any], dataset: Mapping[str, str]) -> dict[str, Any]:
    """Return one network of a mode; without a table of its own, its channels are the task's values."""
    tables = {part["dataset"]: part["local_to_task_label"] for part in mode.get("parts", ())}
    table = tables.get(number)
    return {
        "name": PART_NAMES.get(number, task),
        **({"label_values": [0, *(table[str(local)] for local in range(1, len(table) + 1))]} if table else {}),
        "dataset": {
            "number": number,
            "folder": dataset["folder"],
            "url": dataset["url"] or None,
            "archive": {
                "size_bytes": int(dataset["zip_bytes"]) if dataset["zip_bytes"] else None,
                "sha256": dataset["zip_sha256"] or None,
            },
            **PINS.get(number, {}),
        },
    }


def crop_document(crop: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a task is cropped to, by the task and mode that find it."""
    if crop is None:
        return None
    modes = {None: "normal", 300: "fast", 852: "fast", 297: "fast", 298: "fastest"}
    (addon,) = set(crop["addon_mm_used"])
    robust = crop.get("robust_dataset")
    return {
        "task": crop["task"],
        "mode": modes[crop["dataset"]],
        **({"robust_mode": modes[robust]} if robust else {}),
        "structures": crop["structures"],
        "addon_mm": addon,
    }


def after_document(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return one step of after-work in our words."""
    grid = {"network": "model", "scan": "input"}[step["grid"]]
    match step["do"]:
        case "keep_largest_piece":
            return {"step": "keep_largest_piece", "grid": grid, "structure": step["of"]}
        case "remove_small_pieces":
            return {
                "step": "remove_small_pieces", "grid": grid, "structure": step["of"], "largest_mm3": step["above_mm3"]
            }  # fmt: skip
        case "relabel_touching_vertebrae":
            return {"step": "number_vertebrae", "grid": grid, "least_mm3": step["minimum_mm3"]}
        case "dilate_each_into_background":
            return {"step": "dilate_into_background", "grid": grid, "radius_mm": step["radius_mm"]}
        case "keep_inside":
            return {"step": "keep_inside_task", "grid": grid, "task": "vertebrae_body", "structure": "vertebrae_body"}
        case "keep_inside_dilated":
            return {
                "step": "keep_near_crop", "grid": grid, "structures": step["of"], "distance_mm": step["dilation_mm"]
            }  # fmt: skip
    raise ValueError(f"The facts know a step that we do not: {step['do']}.")


class Labels:
    """Makes label tables: a structure looks the same in all tasks, and as in the table of `total` if it is there."""

    def __init__(self, snomed: Mapping[str, Any]) -> None:
        self._snomed = snomed
        total = json.loads((DATA / "labels" / "total.json").read_text(encoding="utf-8"))["labels"]
        self._total = {entry["name"]: entry for entry in total}

    def table(self, names: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the entries of a label table in order of values."""
        return [self._label(int(value), name) for value, name in names.items()]

    def _label(self, value: int, name: str) -> dict[str, Any]:
        if name in self._total:
            return {**self._total[name], "value": value}
        known = self._snomed.get(name)
        entry = {
            "value": value,
            "name": name,
            "display_name": display_name(name),
            "color_rgb": known["rgb"] if known else color_rgb(name),
        }
        if name in BONES:
            entry["tissue"] = "bone"
        return entry | {"terminology": _terminology(known) if known else None}


def display_name(name: str) -> str:
    """Return a structure's name for people.

    >>> display_name("ventricle_frontal_horn_left"), display_name("lower_left_canine_pulp_fdi133")
    ('Left ventricle frontal horn', 'Lower left canine pulp (FDI 133)')
    """
    if name in DISPLAY_NAMES:
        return DISPLAY_NAMES[name]
    if name.startswith("vertebrae_"):
        return f"Vertebra {name.removeprefix('vertebrae_')}"
    stem, _, number = name.partition("_fdi")
    words = stem.split("_")
    if words[-1] in ("left", "right"):
        words = [words[-1], *words[:-1]]
    text = " ".join(words)
    return text[0].upper() + text[1:] + (f" (FDI {number})" if number else "")


def color_rgb(name: str) -> list[int]:
    """Return a colour made of the name; left and right have the same one, the right a little darker."""
    digest = hashlib.sha256(re.sub(r"(^|_)(left|right)(?=_|$)", "", name).encode()).digest()
    brightness = 0.72 if "right" in name.split("_") else 0.94
    color = colorsys.hsv_to_rgb(digest[0] / 256, 0.45 + digest[1] / 640, brightness - digest[2] / 2560)
    return [round(255 * channel) for channel in color]


def _terminology(known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "category": _code(known["property_category"]),
        "type": _code(known["property_type"]),
        "modifier": _code(known["property_modifier"]) if "property_modifier" in known else None,
    }


def _code(entry: Mapping[str, str]) -> dict[str, str]:
    return {"scheme": entry["scheme"], "code": entry["value"], "meaning": entry["meaning"]}


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as JSON that people can read: one label, part or step a line."""
    return f"{_pretty(document, 0)}\n"


def _pretty(value: Any, indent: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    # A label is never broken up, however long its codes are.
    label = isinstance(value, dict) and "color_rgb" in value
    if not isinstance(value, dict | list) or indent + len(flat) <= 118 or label:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        inner = [f"{pad}{json.dumps(key)}: {_pretty(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner) + "\n" + " " * indent + "}"
    if all(isinstance(item, int | float) for item in value):
        return flat
    return "[\n" + ",\n".join(pad + _pretty(item, indent + 2) for item in value) + "\n" + " " * indent + "]"


if __name__ == "__main__":
    main()
