"""Thin stand-ins for ``slicer.i18n`` and the module SampleData, from the public documentation."""

from __future__ import annotations

import shutil
import types
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any


def build_i18n() -> types.ModuleType:
    """``slicer.i18n``: texts stay as they are."""
    module = types.ModuleType("slicer.i18n", "Translation that leaves every text as it is")

    def translate(context: str, text: str) -> str:
        if not isinstance(context, str) or not isinstance(text, str):
            raise TypeError("translate() takes a context and a text")
        return text

    def tr(text: str) -> str:
        return translate("", text)

    module.translate, module.tr = translate, tr
    return module


class SampleDataSource:
    """A data set that was registered with the module Sample Data."""

    def __init__(self, **properties) -> None:
        self.__dict__.update(properties)


def _register(
    category: str = "Custom",
    sampleName: str | None = None,
    uris: Any = None,
    fileNames: Any = None,
    nodeNames: Any = None,
    customDownloader: Any = None,
    thumbnailFileName: str | None = None,
    loadFileTypes: Any = None,
    loadFiles: Any = None,
    loadFileProperties: Any = None,
    checksums: Any = None,
    sampleDescription: str | None = None,
) -> None:
    import slicer

    if thumbnailFileName is not None and not Path(thumbnailFileName).is_file():
        raise FileNotFoundError(f"the thumbnail {thumbnailFileName} of sample {sampleName!r} does not exist")
    as_list = {n: v if isinstance(v, (list, tuple)) else [v] for n, v in locals().items() if n in _LISTS}
    if len({len(as_list[name]) for name in ("uris", "fileNames", "nodeNames")}) != 1:
        raise ValueError(f"sample {sampleName!r}: uris, fileNames and nodeNames differ in number")
    source = SampleDataSource(
        category=category,
        sampleName=sampleName,
        customDownloader=customDownloader,
        thumbnailFileName=thumbnailFileName,
        sampleDescription=sampleDescription,
        **as_list,
    )
    slicer.modules.sampleDataSources.setdefault(category, []).append(source)


_LISTS = ("uris", "fileNames", "nodeNames", "loadFileTypes", "loadFiles", "loadFileProperties", "checksums")


class SampleDataLogic:
    """Registers and loads sample data; only ``file:`` addresses can be fetched here."""

    registerCustomSampleDataSource = staticmethod(_register)

    @staticmethod
    def sourceForSampleName(name: str) -> SampleDataSource | None:
        import slicer

        every = [s for sources in slicer.modules.sampleDataSources.values() for s in sources]
        return next((s for s in every if s.sampleName == name), None)

    def downloadFromSource(self, source: SampleDataSource) -> list[Any]:
        """Copy the files of a data set into the cache and load them; returns the nodes."""
        triples = zip(source.uris, source.fileNames, source.nodeNames, strict=True)
        return [self._load(_fetch(uri, name), node_name) for uri, name, node_name in triples]

    def _load(self, path: Path, node_name: str) -> Any:
        import slicer

        file_type = slicer.app.coreIOManager().fileType(str(path))
        return slicer.util.loadNodeFromFile(str(path), file_type, {"name": node_name})


def _fetch(uri: str, file_name: str) -> Path:
    import slicer

    parts = urllib.parse.urlparse(uri)
    if parts.scheme != "file":
        raise RuntimeError(f"the host loads no sample data from the network: {uri}")
    target = Path(slicer.app.cachePath) / file_name
    shutil.copyfile(urllib.request.url2pathname(parts.path), target)
    return target


def build_sample_data() -> types.ModuleType:
    """The module ``SampleData``."""
    module = types.ModuleType("SampleData", "Sample data from local files")

    def download_samples(name: str) -> list[Any]:
        source = SampleDataLogic.sourceForSampleName(name)
        if source is None:
            raise RuntimeError(f"no sample data is called {name!r}")
        return SampleDataLogic().downloadFromSource(source)

    module.SampleDataLogic = SampleDataLogic
    module.SampleDataSource = SampleDataSource
    module.downloadSamples = download_samples
    module.downloadSample = lambda name: download_samples(name)[0]
    return module
