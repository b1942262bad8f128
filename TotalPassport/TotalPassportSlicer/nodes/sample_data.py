"""The bundled CT, offered in the module Sample Data."""

from __future__ import annotations

from pathlib import Path

import TotalPassportLib
from TotalPassportLib.base.files import DATA_FOLDER

SAMPLE_NAME = "TotalPassportDemoCT"


def register_sample_data() -> None:
    """Register the sample CT; nothing is read or copied before somebody asks for it."""
    import SampleData  # another module, which Slicer may load after this one

    icons = Path(__file__).parents[2] / "Resources" / "Icons"
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="TotalPassport",
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(icons / f"{SAMPLE_NAME}.png"),
        uris=[(DATA_FOLDER / "demo" / "demo_ct.nii.gz").as_uri()],
        # The version is part of the name because Sample Data keeps files of earlier versions in its cache.
        fileNames=[f"{SAMPLE_NAME}-{TotalPassportLib.__version__}.nii.gz"],
        nodeNames=[SAMPLE_NAME],
    )
