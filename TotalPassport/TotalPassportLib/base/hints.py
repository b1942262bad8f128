"""What to do next after a failure, as a code with arguments: each face of the program says it in its own words.

The command line names commands (``cli/wording.py``), the window its buttons and sections (``panel/wording.py``), and
who calls Python reads here which function does it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

Argument = str | int | Sequence[str] | Sequence[int]
"""What a hint is about: a name, a number, or several of them; all of it can be sent as JSON."""


class HintCode(enum.StrEnum):
    """The next steps that every face says differently; their values are those of the child's ``hint_code``."""

    DOWNLOAD_MODEL = "download_model"
    DOWNLOAD_BUNDLE = "download_bundle"
    DESCRIBE_NETWORK = "describe_network"
    IMPORT_FILE = "import_file"
    DOWNLOAD_AGAIN = "download_again"
    TRUST_CERTIFICATES = "trust_certificates"
    FIND_WEIGHTS = "find_weights"
    IMPORT_UNDER_OTHER_NAME = "import_under_other_name"
    FORGET_RELEASE = "forget_release"
    REINSTALL_MODEL = "reinstall_model"
    LIST_MODELS = "list_models"
    NAME_MODEL = "name_model"
    NAME_ONE_MODEL = "name_one_model"
    INSTALL_ENGINE = "install_engine"
    INSTALL_PLAIN_ENGINE = "install_plain_engine"
    INSTALL_PACKAGE = "install_package"
    INSTALL_PROVIDER = "install_provider"
    CHECK_DRIVERS = "check_drivers"
    GIVE_PUBLISHED_FILES = "give_published_files"
    MEASURE_AGAIN = "measure_again"
    RAISE_LIMIT = "raise_limit"
    MEASURE_AGAIN_OR_OMIT_ICP = "measure_again_or_omit_icp"
    CHOOSE_MODEL = "choose_model"
    GIVE_WEIGHTS = "give_weights"
    GET_LICENSED_WEIGHTS = "get_licensed_weights"
    OVERWRITE = "overwrite"
    OVERWRITE_BATCH = "overwrite_batch"
    CHOOSE_SERIES = "choose_series"
    NAME_LABELS = "name_labels"
    GIVE_LABELS = "give_labels"
    FREE_DISK = "free_disk"
    FREE_DISK_OF_MODELS = "free_disk_of_models"


NEUTRAL: Mapping[HintCode, str] = {
    HintCode.DOWNLOAD_MODEL: (
        "It needs TotalSegmentator's released weights ({datasets:dataset|datasets}, about {megabytes} MB): "
        "download_model('{model}') brings them in. Where the network is blocked, find_entry('{model}') has the "
        "addresses, and import_models([path]) brings in what a browser got. The model 'demo', which comes along, knows "
        "its sample only."
    ),
    HintCode.DOWNLOAD_BUNDLE: (
        "It needs {checkpoint} of MONAI's bundle wholeBody_ct_segmentation (about {megabytes} MB): "
        "download_model('{model}') brings it in, and import_models([path]) a bundle or its file that a browser got."
    ),
    HintCode.DESCRIBE_NETWORK: (
        "Describe the network: describe_network(path, NetworkFacts()) reads its ports and says what it assumes "
        "(docs/models.md)."
    ),
    HintCode.IMPORT_FILE: (
        "Get that file with a browser, on any machine, and bring it in: import_models([path]) "
        "(behind a proxy, HTTPS_PROXY may be missing)."
    ),
    HintCode.DOWNLOAD_AGAIN: (
        "Try again; if it repeats, a proxy may change the file: get that file with a browser, on any machine, and "
        "bring it in: import_models([path]) (behind a proxy, HTTPS_PROXY may be missing)."
    ),
    HintCode.TRUST_CERTIFICATES: (
        "Behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificates; or get that file with a browser "
        "and bring it in: import_models([path])."
    ),
    HintCode.FIND_WEIGHTS: (
        "Each needs {files} in its trainer's folder; find_entry('{model}') has the addresses where they are."
    ),
    HintCode.IMPORT_UNDER_OTHER_NAME: (
        "Get it again; or bring it in under a name of its own: import_models([path], 'my-{model}')."
    ),
    HintCode.FORGET_RELEASE: (
        "If a new release is known, forget the old one: remove_model('{model}', forget=True). Otherwise get the file "
        "again."
    ),
    HintCode.REINSTALL_MODEL: "Bring it in again: remove_model('{model}'), then download or import it.",
    HintCode.LIST_MODELS: "list_models() tells what is.",
    HintCode.NAME_MODEL: "Give it a name of letters and digits.",
    HintCode.NAME_ONE_MODEL: "Give the name of one of them.",
    HintCode.INSTALL_ENGINE: (
        "Install the extra '{extra}' of the package totalpassport, which suits this machine (or '{plain_extra}', the "
        "plain one)."
    ),
    HintCode.INSTALL_PLAIN_ENGINE: "Install the extra '{extra}' of the package totalpassport.",
    HintCode.INSTALL_PACKAGE: "Install the Python package {package}.",
    HintCode.INSTALL_PROVIDER: (
        "Install the onnxruntime distribution that has it, or choose the provider '{other_provider}'."
    ),
    HintCode.CHECK_DRIVERS: "Check its drivers, or choose the provider '{other_provider}'.",
    HintCode.GIVE_PUBLISHED_FILES: (
        "Get that file with a browser, on any machine, and give its folder: verify_model(files_folder=folder) "
        "(behind a proxy, HTTPS_PROXY may be missing)."
    ),
    HintCode.MEASURE_AGAIN: "Measure the segmentation again with describe().",
    HintCode.MEASURE_AGAIN_OR_OMIT_ICP: "Measure the segmentation again with describe(). Or leave ICP out.",
    HintCode.CHOOSE_MODEL: "Choose one of the models {models}.",
    HintCode.GET_LICENSED_WEIGHTS: (
        "Its weights ({datasets:dataset|datasets}) come from TotalSegmentator's authors to who has a licence: {terms}. "
        "import_models([path]) brings in the file or folder of '{model}'."
    ),
    HintCode.GIVE_WEIGHTS: "Give the folder with the weights; then both programs run the same ones.",
    HintCode.OVERWRITE: "Choose another folder or name, or replace it by the option overwrite=True.",
    HintCode.OVERWRITE_BATCH: ("Choose another folder, or let the batch do them again by the option overwrite=True."),
    HintCode.RAISE_LIMIT: "Raise the limit ({limit}), close other programs, or use a machine with more memory.",
    HintCode.FREE_DISK: "Free some space, or choose another output folder.",
    HintCode.FREE_DISK_OF_MODELS: "Free some space, or set TOTALPASSPORT_HOME to a folder on a larger disk.",
    HintCode.CHOOSE_SERIES: "Choose one by its number: the option 'series' of RunOptions.",
    HintCode.NAME_LABELS: (
        "To state their names, give a label table to describe() as 'labels': {tables}, nnU-Net's dataset.json, or one "
        "of your own."
    ),
    HintCode.GIVE_LABELS: (
        "Give the scan's segmentation. If these are labels nevertheless, give describe() a label table as 'labels': "
        "{tables}, nnU-Net's dataset.json, or one of your own."
    ),
}
"""The words for who calls the library from Python. The fields of each text are the arguments of its code."""


@dataclass(frozen=True, init=False)
class Hint:
    """What to do next; as text it is in the neutral words of `NEUTRAL`.

    >>> hint = Hint(HintCode.REINSTALL_MODEL, model="fast")
    >>> str(hint)
    "Bring it in again: remove_model('fast'), then download or import it."
    >>> hint.worded("Delete {model} and download it again.")
    'Delete fast and download it again.'
    """

    code: HintCode
    arguments: Mapping[str, Argument]

    def __init__(self, code: HintCode, **arguments: Argument) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "arguments", arguments)

    def __str__(self) -> str:
        return self.worded(NEUTRAL[self.code])

    def worded(self, template: str, **more: Argument) -> str:
        """Return a face's text with the arguments, and what the face adds to them, in their places.

        Several values are listed; a field can name them in the singular and in the plural:

        >>> Hint(HintCode.DOWNLOAD_MODEL, datasets=[291, 292]).worded("It needs {datasets:dataset|datasets}.")
        'It needs datasets 291, 292.'
        """
        return template.format(**{name: _shown(value) for name, value in {**self.arguments, **more}.items()})


class _Listed(tuple[str | int, ...]):
    """Several values as they stand in a sentence, after the word for one or for many, if it is given."""

    def __format__(self, words: str) -> str:
        singular, _, plural = words.partition("|")
        return f"{singular if len(self) == 1 else plural} {', '.join(map(str, self))}".lstrip()


def _shown(value: Argument) -> str | int | _Listed:
    return value if isinstance(value, str | int) else _Listed(value)


def arguments_of(template: str) -> set[str]:
    """Return the names of the arguments that a text has places for."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def hint_fields(hint: Hint | str) -> dict[str, Any]:
    """Return a hint as the fields of the child's error event: its neutral words, and its code if it has one."""
    if isinstance(hint, str):
        return {"hint": hint}
    return {"hint": str(hint), "hint_code": hint.code.value, "hint_arguments": dict(hint.arguments)}


def hint_of_event(event: Mapping[str, Any]) -> Hint | str:
    """Return the hint of a child's error event; in neutral words where its code is none that is known here.

    The child may be of another version than the program that reads it.
    """
    code, arguments = event.get("hint_code"), event.get("hint_arguments")
    known = next((each for each in HintCode if each.value == code), None)
    if known is None or not _are_arguments_of(known, arguments):
        return str(event.get("hint") or "")
    return Hint(known, **dict(arguments or {}))


def _are_arguments_of(code: HintCode, arguments: object) -> bool:
    """Whether arguments from elsewhere are those of a code."""
    if not isinstance(arguments, dict) or arguments.keys() != arguments_of(NEUTRAL[code]):
        return False
    values = (each if isinstance(each, list) else [each] for each in arguments.values())
    return all(isinstance(value, str | int) for several in values for value in several)
