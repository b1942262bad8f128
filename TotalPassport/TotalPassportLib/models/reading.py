"""Models from where they are kept: a folder with a description, or one ONNX file that carries its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import ModelError, TotalPassportError
from ..base.files import parse_json, read_json
from ..base.hints import Hint, HintCode
from ..base.runtime import open_on_processor
from .description import DESCRIPTION_FILE, METADATA_KEY, ModelDescription, model_from_document, verify_network


@dataclass(frozen=True, kw_only=True)
class DescriptionDocument:
    """A model's description as it was found, unchecked.

    ``what`` names it in errors, ``folder`` is where its files are, and ``network`` the ONNX file that carries it, None
    for a file of its own.
    """

    content: Any
    what: str
    folder: Path
    network: Path | None = None

    def model(self) -> ModelDescription:
        """Return the model that it describes.

        Raises
        ------
        ModelError
            It is malformed, or contradicts itself.
        """
        return model_from_document(self.content, self.what, self.folder, self.network)


def read_model(path: Path) -> ModelDescription:
    """Read a model from its folder, its ``model.json``, or its ONNX file.

    Raises
    ------
    ModelError
        Anything is missing, malformed, or contradicts itself.
    """
    return read_description(path).model()


def read_description(path: Path) -> DescriptionDocument:
    """Read the description of a model from its folder, its ``model.json``, or its ONNX file.

    A ``model.json`` beside an ONNX file counts if it names that file; else the file's own metadata does.

    Raises
    ------
    ModelError
        There is none, or it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / DESCRIPTION_FILE
    if not path.is_file():
        raise ModelError(
            f"There is no model at '{path}'.", f"Give a folder with a {DESCRIPTION_FILE}, or an ONNX file of a model."
        )
    if path.suffix.lower() == ".json":
        return _from_file(path)
    beside = path.parent / DESCRIPTION_FILE
    if beside.is_file():
        document = _from_file(beside)
        if path.resolve() in {part.network.resolve() for part in document.model().parts}:
            return document
    return _embedded(path)


def is_sound_model(model: Path) -> bool:
    """Whether a model is there and its files are, byte for byte, those that its description means."""
    try:
        for part in read_model(model).parts:
            verify_network(part)
    except TotalPassportError:
        return False
    return True


def is_converted_model(path: Path) -> bool:
    """Whether a path is a model that needs no conversion: a model folder of ours, its description, or a network."""
    if path.is_dir():
        return (path / DESCRIPTION_FILE).is_file()
    return path.name == DESCRIPTION_FILE or path.suffix.lower() == ".onnx"


def _from_file(path: Path) -> DescriptionDocument:
    return DescriptionDocument(content=read_json(path, ModelError), what=f"'{path}'", folder=path.parent)


def _embedded(path: Path) -> DescriptionDocument:
    text = network_metadata(path).get(METADATA_KEY)
    if text is None:
        raise ModelError(
            f"The network '{path}' carries no description, and no {DESCRIPTION_FILE} lies beside it.",
            Hint(HintCode.DESCRIBE_NETWORK),
        )
    what = f"The description inside '{path}'"
    return DescriptionDocument(content=parse_json(text, what, ModelError), what=what, folder=path.parent, network=path)


def network_metadata(path: Path) -> dict[str, str]:
    """Return the free metadata that an ONNX file carries.

    Raises
    ------
    ModelError
        The file is not an ONNX network.
    BadInput
        Onnxruntime is not installed.
    """
    session = open_network_file(path, "The file is damaged or of another kind; bring the model in again.")
    return metadata_of(session)


def metadata_of(session: Any) -> dict[str, str]:
    """Return the free metadata that an open network carries."""
    return {str(key): str(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}


def open_network_file(path: Path, hint: str, threads: int = 1) -> Any:
    """Open a network on onnxruntime's own CPU provider, see `open_on_processor`; what cannot be opened is a sentence.

    Raises
    ------
    ModelError
        The file is not an ONNX network; ``hint`` says what to do then.
    BadInput
        Onnxruntime is not installed.
    """
    try:
        return open_on_processor(path, threads)
    except TotalPassportError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no public base class
        reason = " ".join(str(error).split(" : ")[-1].strip().splitlines()[:1])[:200]
        raise ModelError(f"'{path}' is not an ONNX network that can be run ({reason}).", hint) from error
