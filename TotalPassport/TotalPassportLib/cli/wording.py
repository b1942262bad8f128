"""Failures in the words of a terminal: what to do next is a command or an option."""

from __future__ import annotations

from collections.abc import Mapping

from ..base.errors import TotalPassportError
from ..base.events import Event
from ..base.hints import NEUTRAL, Hint, HintCode, hint_of_event

IN_THE_SHELL: Mapping[HintCode, str] = {
    HintCode.DOWNLOAD_MODEL: (
        "It needs TotalSegmentator's released weights ({datasets:dataset|datasets}, about {megabytes} MB): run "
        "'totalpassport models download {model}'. Where the network is blocked, 'totalpassport models info {model}' "
        "shows the addresses, and 'totalpassport models import FILE' brings in what a browser got. The model that "
        "comes along, --model demo, knows the sample of 'totalpassport demo' only."
    ),
    HintCode.DOWNLOAD_BUNDLE: (
        "It needs {checkpoint} of MONAI's bundle wholeBody_ct_segmentation (about {megabytes} MB): run 'totalpassport "
        "models download {model}'; or bring in a bundle or its file that a browser got: totalpassport models import "
        "PATH; or give it to the run: --weights PATH."
    ),
    HintCode.DESCRIBE_NETWORK: (
        "Describe the network: 'totalpassport models describe NET.onnx' reads its ports and says what it assumes "
        "(docs/models.md)."
    ),
    HintCode.IMPORT_FILE: (
        "Get that file with a browser, on any machine, and bring it in: totalpassport models import FILE "
        "(behind a proxy, HTTPS_PROXY may be missing)."
    ),
    HintCode.DOWNLOAD_AGAIN: (
        "Try again; if it repeats, a proxy may change the file: Get that file with a browser, on any machine, and "
        "bring it in: totalpassport models import FILE (behind a proxy, HTTPS_PROXY may be missing)."
    ),
    HintCode.TRUST_CERTIFICATES: (
        "Behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificates; or get that file with a "
        "browser and bring it in: totalpassport models import FILE."
    ),
    HintCode.FIND_WEIGHTS: (
        "Each needs {files} in its trainer's folder; 'totalpassport models info {model}' shows where to get them."
    ),
    HintCode.IMPORT_UNDER_OTHER_NAME: (
        "Get it again; or bring it in under a name of its own: totalpassport models import PATH --as my-{model}."
    ),
    HintCode.FORGET_RELEASE: (
        "If a new release is known, forget the old one: totalpassport models remove {model} --forget. Otherwise get "
        "the file again."
    ),
    HintCode.REINSTALL_MODEL: ("Bring it in again: totalpassport models remove {model}, then download or import it."),
    HintCode.LIST_MODELS: "'totalpassport models list' shows what is.",
    HintCode.NAME_MODEL: "Choose a name of letters and digits with --as.",
    HintCode.NAME_ONE_MODEL: "Choose one with --as.",
    HintCode.INSTALL_ENGINE: (
        'Install the one for this machine: pip install "totalpassport[{extra}]" (or [{plain_extra}], the plain one).'
    ),
    HintCode.INSTALL_PLAIN_ENGINE: 'Install the one for this machine: pip install "totalpassport[{extra}]".',
    HintCode.INSTALL_PACKAGE: "Install it with: pip install {package}",
    HintCode.INSTALL_PROVIDER: (
        "Install the onnxruntime distribution that has it, or choose --provider {other_provider}."
    ),
    HintCode.CHECK_DRIVERS: "Check its drivers, or choose --provider {other_provider}.",
    HintCode.GIVE_PUBLISHED_FILES: (
        "Get that file with a browser, on any machine, and give its folder with --files (behind a proxy, HTTPS_PROXY "
        "may be missing)."
    ),
    HintCode.MEASURE_AGAIN: "Measure the segmentation again with 'totalpassport passport'.",
    HintCode.MEASURE_AGAIN_OR_OMIT_ICP: (
        "Measure the segmentation again with 'totalpassport passport'. Or leave ICP out."
    ),
    HintCode.CHOOSE_MODEL: "Choose --model {models}.",
    HintCode.GET_LICENSED_WEIGHTS: (
        "Its weights ({datasets:dataset|datasets}) come from TotalSegmentator's authors to who has a licence: {terms}. "
        "'totalpassport models import PATH' brings in the file or folder of '{model}'."
    ),
    HintCode.GIVE_WEIGHTS: "Add --weights FOLDER; then both programs run the same ones.",
    HintCode.OVERWRITE: "Choose another folder or name with -o, or replace it with --overwrite.",
    HintCode.OVERWRITE_BATCH: "Choose another folder with -o, or do them again with --overwrite.",
    HintCode.RAISE_LIMIT: NEUTRAL[HintCode.RAISE_LIMIT],
    HintCode.FREE_DISK: NEUTRAL[HintCode.FREE_DISK],
    HintCode.FREE_DISK_OF_MODELS: NEUTRAL[HintCode.FREE_DISK_OF_MODELS],
    HintCode.CHOOSE_SERIES: "Choose one by its number: --series 1.",
    HintCode.NAME_LABELS: (
        "To state their names, give a label table with --labels: {tables}, nnU-Net's dataset.json, or one of your own."
    ),
    HintCode.GIVE_LABELS: (
        "Give the scan's segmentation. If these are labels nevertheless, give a label table with --labels: {tables}, "
        "nnU-Net's dataset.json, or one of your own."
    ),
}


def error_text(error: TotalPassportError) -> str:
    """Return an error as one line of a terminal: what happened, and the command that helps."""
    return f"{error.message} {hint_text(error.hint)}".strip()


def warning_text(event: Event) -> str:
    """Return what a run warns of, and the command that helps."""
    return f"{event['message']} {hint_text(hint_of_event(event))}".strip()


def hint_text(hint: Hint | str) -> str:
    """Return what to do next, in commands and options."""
    return hint.worded(IN_THE_SHELL[hint.code]) if isinstance(hint, Hint) else hint
