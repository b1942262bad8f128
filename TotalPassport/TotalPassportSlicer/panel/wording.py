"""The library's failures in the words of the panel: what to do next is a button, a section or a file."""

from __future__ import annotations

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import TotalPassportError
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.base.paths import home_folder
from TotalPassportLib.models.transfer.checksums import FIRST_SEEN_FILE

from .engine_titles import provider_titles


def error_in_the_window(error: TotalPassportError) -> str:
    """Return an error as one sentence or two: what happened, and what to click."""
    return f"{error.message} {hint_in_the_window(error.hint)}".strip()


def hint_in_the_window(hint: Hint | str) -> str:
    """Return what to do next, in buttons and sections."""
    if isinstance(hint, str):
        return hint
    name = hint.arguments.get("other_provider", "")
    return hint.worded(
        window_texts()[hint.code],
        other_provider=provider_titles().get(str(name), str(name)),
        first_seen_file=str(home_folder() / FIRST_SEEN_FILE),
    )


def window_texts() -> dict[HintCode, str]:
    """Return every next step as it reads in the panel; its fields are those of `TotalPassportLib.base.hints`."""
    return {**_texts_of_downloads(), **_texts_of_models(), **_texts_of_packages(), **_texts_of_measures()}


def _texts_of_downloads() -> dict[HintCode, str]:
    return {
        HintCode.DOWNLOAD_MODEL: _(
            "It needs TotalSegmentator's released weights ({datasets:dataset|datasets}, about {megabytes} MB): click "
            "'Download' in the section Models. Where the network is blocked, the tooltip of 'Download' shows the "
            "addresses, and 'Import file…' brings in what a browser got. The demo model, which comes along, knows its "
            "sample only."
        ),
        HintCode.DOWNLOAD_BUNDLE: _(
            "It needs {checkpoint} of MONAI's bundle wholeBody_ct_segmentation (about {megabytes} MB): download it, or "
            "import the bundle or its file, in the section Models."
        ),
        HintCode.DESCRIBE_NETWORK: _(
            "The network needs a description beside it, a file model.json; the page on models in the documentation "
            "says how one is made. Then bring in its folder with 'Import folder…' in the section Models."
        ),
        HintCode.IMPORT_FILE: _(
            "Get that file with a browser, on any machine, and bring it in: 'Import file…' in the section Models "
            "(behind a proxy, HTTPS_PROXY may be missing)."
        ),
        HintCode.DOWNLOAD_AGAIN: _(
            "Try again; if it repeats, a proxy may change the file: get that file with a browser, on any machine, and "
            "bring it in: 'Import file…' in the section Models (behind a proxy, HTTPS_PROXY may be missing)."
        ),
        HintCode.TRUST_CERTIFICATES: _(
            "Behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificates; or get that file with a "
            "browser and bring it in: 'Import file…' in the section Models."
        ),
    }


def _texts_of_models() -> dict[HintCode, str]:
    return {
        HintCode.FIND_WEIGHTS: _(
            "Each needs {files} in its trainer's folder; the tooltip of 'Download' in the section Models shows where "
            "to get them."
        ),
        HintCode.IMPORT_UNDER_OTHER_NAME: _(
            "Get it again: 'Download' in the section Models brings the released one, and no other goes by this name."
        ),
        HintCode.FORGET_RELEASE: _(
            "Get the file again. If a new release is known, delete the file '{first_seen_file}' first, which keeps "
            "what the released files were like when they first came."
        ),
        HintCode.REINSTALL_MODEL: _("Delete it in the section Models, then download or import it again."),
        HintCode.LIST_MODELS: _("The table in the section Models shows what is."),
        HintCode.NAME_MODEL: _('Give it a name of letters and digits: that is "name" in its model.json.'),
        HintCode.NAME_ONE_MODEL: _("Import one of them alone."),
        HintCode.GIVE_PUBLISHED_FILES: _("Get that file with a browser, on any machine, and give its folder."),
        HintCode.CHOOSE_MODEL: _("Choose one of the models {models}."),
        HintCode.GET_LICENSED_WEIGHTS: _(
            "Its weights ({datasets:dataset|datasets}) come from TotalSegmentator's authors to who has a licence: "
            "{terms}. 'Import file…' in the section Models brings in the file or folder of '{model}'."
        ),
        HintCode.GIVE_WEIGHTS: _("Give the folder with the weights."),
        HintCode.OVERWRITE: _("Choose another folder or name."),
        HintCode.OVERWRITE_BATCH: _("Choose another folder."),
        HintCode.CHOOSE_SERIES: _("Load the series that you mean with Slicer's module DICOM."),
    }


def _texts_of_packages() -> dict[HintCode, str]:
    offered = _("Click Apply: it offers to install what runs networks.")
    return {
        HintCode.INSTALL_ENGINE: offered,
        HintCode.INSTALL_PLAIN_ENGINE: offered,
        HintCode.INSTALL_PACKAGE: _("Click 'Download' in the section Models: it offers to install {package}."),
        HintCode.INSTALL_PROVIDER: _(
            "Install the onnxruntime distribution that has it, or choose the provider '{other_provider}' in the "
            "section Advanced."
        ),
        HintCode.CHECK_DRIVERS: _(
            "Check its drivers, or choose the provider '{other_provider}' in the section Advanced."
        ),
    }


def _texts_of_measures() -> dict[HintCode, str]:
    return {
        HintCode.NAME_LABELS: _(
            "To state what they are, give the segments their names in Slicer's module Segmentations, and click 'Make "
            "passport' in the section Passport from segmentation or file."
        ),
        HintCode.GIVE_LABELS: _(
            "If these are organs nevertheless, give the segments their names in Slicer's module Segmentations, and "
            "click 'Make passport' in the section Passport from segmentation or file."
        ),
        HintCode.RAISE_LIMIT: _(
            "Close other programs. If that does not help, Slicer was started under a limit of this computer, which its "
            "administrator can raise."
        ),
        HintCode.FREE_DISK: _(
            "Free some space on that disk. Where it holds Slicer's temporary folder, another one can be chosen in "
            "Slicer's Application Settings."
        ),
        HintCode.FREE_DISK_OF_MODELS: _("Free some space on that disk: models are kept there."),
        HintCode.MEASURE_AGAIN: _(
            "Measure the segmentation again: 'Make passport' in the section Passport from segmentation or file."
        ),
        HintCode.MEASURE_AGAIN_OR_OMIT_ICP: _(
            "Measure the segmentation again: 'Make passport' in the section Passport from segmentation or file. Or "
            "untick 'Use surfaces (ICP)'."
        ),
    }
