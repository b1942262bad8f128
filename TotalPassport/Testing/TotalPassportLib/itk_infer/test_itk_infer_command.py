"""A folder of images through an ONNX network: what is made, what is left alone, and what is told."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import SimpleITK as sitk
import zarr
from onnx import TensorProto, helper, numpy_helper
from openpyxl import load_workbook
from TotalPassportLib.base.errors import Cancelled
from TotalPassportLib.base.events import Cancellation, Event
from TotalPassportLib.cli.main import main
from TotalPassportLib.itk_infer.folder_inference import FolderRequest, infer_folder
from TotalPassportLib.itk_infer.half_sums import HalfSums, borders_of, has_gaps, starts_along
from TotalPassportLib.itk_infer.itk_images import windowed

PATCH = (4, 5, 6)
WINDOW = {"window_level": "50", "window_width": "100"}
WriteNetwork = Callable[..., Path]
LPS_TO_LPI = np.diag([1.0, 1.0, -1.0])


def network_of_levels(
    path: Path, *, classes: int, shape: tuple[int | str, ...], metadata: dict[str, str], kind: int, inputs: int
) -> Path:
    """Write a network whose class is the nearest of evenly spaced grey levels from 0 to 1."""
    levels = np.linspace(0, 1, classes) if classes > 1 else np.ones(1)
    arrays = [levels.reshape(-1, *[1] * len(shape)) * 40, -levels * levels * 20]
    constants = [
        numpy_helper.from_array(array.astype(helper.tensor_dtype_to_np_dtype(kind)), name)
        for array, name in zip(arrays, ("weights", "bias"), strict=True)
    ]
    ports = [helper.make_tensor_value_info(f"image{n}", kind, [shape[0], 1, *shape[1:]]) for n in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image0", "weights", "bias"], ["logits"])],
        "levels",
        ports,
        [helper.make_tensor_value_info("logits", kind, [shape[0], classes, *shape[1:]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


@pytest.fixture
def write_network(tmp_path: Path) -> WriteNetwork:
    """Write a network of grey levels with some metadata."""

    def write(
        config: Any = None,
        *,
        classes: int = 3,
        shape: tuple[int | str, ...] = (1, *PATCH),
        metadata: dict[str, str] = WINDOW,
        kind: int = TensorProto.FLOAT,
        inputs: int = 1,
    ) -> Path:
        text = {} if config is None else {"inference_config": config if isinstance(config, str) else json.dumps(config)}
        path = tmp_path / "net.onnx"
        return network_of_levels(
            path, classes=classes, shape=shape, metadata={**metadata, **text}, kind=kind, inputs=inputs
        )

    return write


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with one small image, ``one.mha``, whose planes are grey levels."""
    folder = tmp_path / "in"
    folder.mkdir()
    save(folder / "one.mha")
    return folder


def grey() -> np.ndarray:
    array = np.zeros((9, 8, 11), np.int16)
    array[3:6], array[6:] = 50, 100
    return array


def save(path: Path, array: np.ndarray | None = None) -> None:
    image = sitk.GetImageFromArray(grey() if array is None else array)
    image.SetSpacing((1.0, 2.0, 3.0))
    sitk.WriteImage(image, str(path))


def infer(images: Path, output: Path, network: Path, *options: str) -> int:
    return main(["itk-infer", "-i", str(images), "-o", str(output), "--onnx", str(network), *options])


def labels_in(path: Path) -> np.ndarray:
    """Return labels in the images' own order: those of this module are turned upside down by LPI and nothing else."""
    image = sitk.ReadImage(str(path))
    np.testing.assert_allclose(np.reshape(image.GetDirection(), (3, 3)), LPS_TO_LPI)
    return sitk.GetArrayFromImage(image)[::-1]


def rows(output: Path) -> dict[str, float | None]:
    return dict(load_workbook(output / "confidences.xlsx")["Confidences"].iter_rows(min_row=2, values_only=True))


def test_an_image_gets_the_classes_of_its_voxels_whatever_the_stride(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    for stride in (["1", "2", "3"], ["4", "5", "6"], []):
        output = tmp_path / f"out{len(stride)}{''.join(stride)}"
        options = ["--patch-stride", *stride] if stride else []
        assert infer(images, output, write_network(), *options) == 0
        assert np.array_equal(labels_in(output / "one.mha"), grey() // 50)


def test_the_command_lines_window_comes_before_the_networks(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    assert infer(images, tmp_path / "out", write_network(), "--ww", "400", "--wl", "200") == 0
    assert labels_in(tmp_path / "out" / "one.mha").max() == 0  # 100 of 400 is nearest to 0
    assert infer(images, tmp_path / "other", write_network(metadata={}), "--ww", "100", "--wl", "50") == 0
    assert labels_in(tmp_path / "other" / "one.mha").max() == 2


def test_labels_that_are_there_stay_as_they_are_and_what_is_missing_beside_them_is_made(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    output, network = tmp_path / "out", write_network()
    assert infer(images, output, network) == 0
    corrected = (output / "one.mha").read_bytes() + b"corrected by hand"
    (output / "one.mha").write_bytes(corrected)
    assert infer(images, output, network, "--save-conf") == 0
    assert list(rows(output)) == ["one"]
    assert not (output / "one.zarr").exists()
    assert infer(images, output, network, "--save-conf", "--save-logits") == 0
    assert zarr.open(str(output / "one.zarr"), mode="r").shape == (3, 9, 8, 11)
    assert (output / "one.mha").read_bytes() == corrected


def test_the_table_keeps_the_rows_of_images_that_are_elsewhere_now(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    output, network = tmp_path / "out", write_network()
    assert infer(images, output, network, "--save-conf") == 0
    (images / "one.mha").rename(images / "two.mha")
    assert infer(images, output, network, "--save-conf") == 0
    assert list(rows(output)) == ["one", "two"]
    with (output / "confidences.csv").open(encoding="utf-8", newline="") as file:
        assert {name: float(value) for name, value in list(csv.reader(file))[1:]} == rows(output)


def test_a_name_that_looks_like_a_formula_is_a_name(write_network: WriteNetwork, images: Path, tmp_path: Path) -> None:
    (images / "one.mha").rename(images / "=1+1.mha")
    output, network = tmp_path / "out", write_network()
    for _ in range(2):  # what was written is read again
        assert infer(images, output, network, "--save-conf") == 0
    cell = load_workbook(output / "confidences.xlsx")["Confidences"]["A2"]
    assert (cell.data_type, cell.value) == ("s", "=1+1")
    assert len(rows(output)) == 1
    assert "'=1+1" in (output / "confidences.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["confidences.xlsx", "confidences.csv"])
def test_what_is_no_table_is_not_written_over(
    name: str, write_network: WriteNetwork, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / name).write_bytes(b"a,b,c\n1,2,3\n")
    assert infer(images, output, write_network(), "--save-conf") == 2
    assert "Remove or rename it" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == [name]


def test_a_folder_that_is_no_array_is_not_replaced_by_logits(
    write_network: WriteNetwork, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = tmp_path / "out" / "one.zarr" / "notes.txt"
    keep.parent.mkdir(parents=True)
    keep.write_text("keep", encoding="utf-8")
    assert infer(images, tmp_path / "out", write_network(), "--save-logits") == 2
    assert "is no zarr array" in capsys.readouterr().err
    assert keep.read_text(encoding="utf-8") == "keep"


def test_logits_are_in_the_images_own_order_and_mean_the_labels(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    save(images / "large.nii.gz", np.tile(grey(), (9, 1, 1)))
    assert infer(images, tmp_path / "out", write_network({"patch_stride": [3, 3, 3]}), "--save-logits") == 0
    for name, stem in (("one.mha", "one"), ("large.nii.gz", "large.nii")):
        array = zarr.open(str(tmp_path / "out" / f"{stem}.zarr"), mode="r")
        assert (array.dtype, array.metadata.zarr_format) == (np.float16, 3)
        source = sitk.GetArrayFromImage(sitk.ReadImage(str(images / name)))
        assert np.array_equal(array[:].argmax(0), source // 50)


def test_more_classes_than_a_byte_counts_keep_their_numbers(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    assert infer(images, tmp_path / "out", write_network(classes=301)) == 0
    found = labels_in(tmp_path / "out" / "one.mha")
    assert found.dtype == np.uint16
    assert 256 <= found.max() <= 300


def test_a_fixed_number_of_windows_is_filled_up(write_network: WriteNetwork, images: Path, tmp_path: Path) -> None:
    assert infer(images, tmp_path / "out", write_network(shape=(5, *PATCH))) == 0
    assert np.array_equal(labels_in(tmp_path / "out" / "one.mha"), grey() // 50)


def test_a_network_of_open_size_gets_it_from_the_command_line(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    network = write_network(shape=("n", "z", "y", "x"))
    assert infer(images, tmp_path / "out", network) == 4
    assert infer(images, tmp_path / "out", network, "--patch-size", "3", "7", "12") == 0
    assert np.array_equal(labels_in(tmp_path / "out" / "one.mha"), grey() // 50)


REFUSED: tuple[tuple[dict[str, Any], tuple[str, ...], int, str], ...] = (
    ({"metadata": {"window_level": "40.0", "window_width": "400"}}, (), 4, "'40.0', which is no whole number"),
    ({"metadata": {"window_level": "40", "window_width": "0"}}, (), 4, "a window of width 0"),
    ({"config": {"patch_stride": [8, 12]}}, (), 4, "(8, 12), which is not three numbers"),
    ({"config": {"patch_stride": [8, 0, 4]}}, (), 4, "which is not three numbers of at least 1"),
    ({"inputs": 2}, (), 4, "has 2 inputs"),
    ({"shape": (1, 8, 8)}, (), 4, "of 4 dimensions instead of five"),
    ({}, ("--ww", "0"), 2, "--ww must be at least 1"),
    ({}, ("--patch-stride", "1", "0", "1"), 2, "--patch-stride must be three numbers"),
    ({}, ("--patch-stride", "8", "1", "1"), 2, "some voxels of 'one.mha' are in none"),
)


@pytest.mark.parametrize(("network", "options", "code", "words"), REFUSED, ids=[case[3] for case in REFUSED])
def test_what_cannot_be_run_is_refused_with_its_reason(
    network: dict[str, Any],
    options: tuple[str, ...],
    code: int,
    words: str,
    write_network: WriteNetwork,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = write_network(**network)
    assert infer(images, tmp_path / "out", made, *options) == code
    assert words in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("config", ["{no json", "[1]", '{"patch_stride": 3}', '{"forward_batch_windows": "many"}'])
def test_an_unfit_configuration_is_left_out_and_that_is_told(
    config: str, write_network: WriteNetwork, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer(images, tmp_path / "out", write_network(config)) == 0
    assert "cannot be understood and is left out" in capsys.readouterr().err


def test_results_do_not_go_where_the_images_are(
    write_network: WriteNetwork, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer(images, images, write_network()) == 2
    assert "The output folder is the input folder" in capsys.readouterr().err


def test_a_header_may_not_lead_elsewhere(
    write_network: WriteNetwork, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    header = (
        "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = ../secret.raw\n"
    )
    (images / "led.mha").write_text(header, encoding="ascii")
    assert infer(images, tmp_path / "out", write_network()) == 2
    assert "which is no file beside it" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.mha"]


@pytest.mark.parametrize("options", [[], ["--backend", "mmengine", "-cfg", "c.py", "-ckpt", "w.pth"]])
def test_a_network_of_mmengine_is_refused_with_the_way_to_onnx(
    options: list[str], images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["itk-infer", "-i", str(images), "-o", str(tmp_path / "out"), *options]) == 2
    assert "Export the network to ONNX" in capsys.readouterr().err


def test_mmengine_needs_both_of_its_files_as_there(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["itk-infer", "-i", str(images), "-o", str(tmp_path), "--backend", "mmengine"]) == 2
    assert "--backend mmengine requires --cfg-path and --ckpt-path" in capsys.readouterr().err


def test_a_wish_to_stop_ends_what_is_under_way_and_leaves_no_half_file(
    write_network: WriteNetwork, images: Path, tmp_path: Path
) -> None:
    for number in range(4):
        save(images / f"more{number}.mha", np.tile(grey(), (20, 1, 1)))
    cancellation, output = Cancellation(), tmp_path / "out"

    def stop_early(event: Event) -> None:
        if event.get("fraction", 0) > 0.3:
            cancellation.request()

    request = FolderRequest(
        input_folder=images,
        output_folder=output,
        network=write_network({"patch_stride": [1, 2, 3]}),
        save_logits=True,
        save_confidence=True,
        at_a_time=2,
    )
    with pytest.raises(Cancelled):
        infer_folder(request, on_event=stop_early, cancellation=cancellation)
    made = {path.name for path in output.iterdir()}
    assert not [name for name in made if name.startswith(".")]
    finished = {Path(name).stem for name in made if name.endswith(".mha")}
    assert len(finished) < 5
    assert finished == set(rows(output))
    assert all(f"{stem}.zarr" in made for stem in finished)


def test_programs_get_a_line_of_json_an_image(
    write_network: WriteNetwork, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "bad.mha").write_bytes(b"no")
    assert infer(images, tmp_path / "out", write_network(), "--save-conf", "--json") == 2
    told = {Path(line["image"]).name: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert told["bad.mha"]["error"]
    assert told["one.mha"]["error"] is None
    assert 0 < told["one.mha"]["confidence"] <= 1


@pytest.mark.parametrize(("size", "patch", "stride"), [(10, 4, 3), (4, 4, 1), (3, 4, 2), (50, 7, 7), (9, 4, 5)])
def test_windows_cover_an_axis_and_the_last_one_ends_with_it(size: int, patch: int, stride: int) -> None:
    starts = starts_along(max(size, patch), patch, stride)
    assert (starts[0], starts[-1]) == (0, max(size, patch) - patch)
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert all(gap <= stride for gap in gaps)
    assert has_gaps([size] * 3, (patch,) * 3, (stride,) * 3) == any(gap > patch for gap in gaps)


@pytest.mark.parametrize("stride", [(1, 2, 3), (4, 5, 6), (3, 3, 4)])
@pytest.mark.parametrize("shape", [(9, 8, 11), (2, 3, 4), (4, 30, 6)])
@pytest.mark.parametrize("at_a_time", [1, 4])
def test_slabs_are_the_float16_mean_of_the_whole_image(
    shape: tuple[int, int, int], stride: tuple[int, int, int], at_a_time: int
) -> None:
    """Against whole accumulators, as docs/itk_infer.md tells it."""
    rng = np.random.default_rng(1)
    image = rng.standard_normal(shape).astype(np.float32)
    weights = rng.standard_normal((2, 1, 1, 1)).astype(np.float32) * 30

    def network(windows: np.ndarray) -> np.ndarray:
        return windows * weights + np.float32(0.1) * windows.mean(axis=(2, 3, 4), keepdims=True)

    sums = HalfSums(shape, PATCH, stride, 2)
    done: list[int] = []
    found = np.concatenate(list(sums.means(image, network, at_a_time, done.append)), axis=1)
    padded = np.pad(image, borders_of(shape, PATCH), mode="edge")
    total, count = np.zeros((2, *padded.shape), np.float16), np.zeros(padded.shape, np.float32)
    axes = [starts_along(*sizes) for sizes in zip(padded.shape, PATCH, stride, strict=True)]
    for z in axes[0]:
        for y in axes[1]:
            for x in axes[2]:
                place = tuple(slice(a, a + b) for a, b in zip((z, y, x), PATCH, strict=True))
                total[(slice(None), *place)] += network(padded[place][None, None])[0].astype(np.float16)
                count[place] += 1
    mean = (total.astype(np.float32) / count).astype(np.float16)
    inside = tuple(slice(a, a + n) for (a, _), n in zip(borders_of(shape, PATCH), shape, strict=True))
    assert np.array_equal(found, mean[(slice(None), *inside)])
    assert done[-1] == sums.windows == len(axes[0]) * len(axes[1]) * len(axes[2])


def test_the_window_cuts_fractions_off_and_wraps_what_16_bits_do_not_hold() -> None:
    values = np.array([[[-0.9, 0.9, 99.99, -1.5, 300.0, 65536 + 50.0]]])
    assert windowed(values, 50, 100, np.float32).ravel().tolist() == pytest.approx([0, 0, 0.99, 0, 1, 0.5])
