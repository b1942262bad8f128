"""Thin stand-ins for ``slicer.i18n``, ``slicer.packaging`` and the module SampleData, from the public documentation."""

from __future__ import annotations

import importlib.metadata
import shutil
import types
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any


def build_i18n() -> types.ModuleType:
    """``slicer.i18n``: texts stay as they are."""
    module = types.ModuleType("slicer.i18n", "Translation that leaves every text as it is")

    def translate(context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str:
        if not isinstance(context, str) or not isinstance(text, str):
            raise TypeError("translate() takes a context and a text")
        return text

    def tr(text: str) -> str:
        return translate("", text)

    module.translate, module.tr = translate, tr
    return module


class Packaging:
    """Behind ``slicer.packaging``: nothing is installed unless a test says what installing means.

    A test sets :attr:`installer` to a function that gets the list of requirements, :attr:`uninstaller` to one that gets
    the packages to remove, and may set :attr:`is_installed`.
    """

    def __init__(self) -> None:
        self.installer: Callable[[list[str]], None] | None = None
        self.uninstaller: Callable[[list[str]], None] | None = None
        self.is_installed: Callable[[Any], bool] = requirement_is_met
        self.calls: list[tuple[list[str], dict[str, Any]]] = []

    def reset(self) -> None:
        """Back to installing nothing."""
        self.__init__()

    def install(self, requirements: Any, **options) -> None:
        """``pip_install``."""
        names = requirements.split() if isinstance(requirements, str) else [str(r) for r in requirements]
        self.calls.append((names, options))
        if self.installer is None:
            raise RuntimeError(f"a module wanted to install {names}, and the test did not say what happens then")
        self.installer(names)

    def uninstall(self, requirements: Any, **options) -> None:
        """``pip_uninstall``."""
        names = requirements.split() if isinstance(requirements, str) else list(requirements)
        if self.uninstaller is None:
            raise RuntimeError(f"a module wanted to uninstall {names}, and the test did not say what happens then")
        self.uninstaller(names)

    def check(self, requirements: Any) -> bool:
        """``pip_check``: whether all requirements are met."""
        return not self.missing(requirements)

    def missing(self, requirements: Any) -> list[Any]:
        """The requirements that are not met."""
        several = isinstance(requirements, (list, tuple))
        return [r for r in (requirements if several else [requirements]) if not self.is_installed(r)]

    def ensure(
        self,
        requirements: Any,
        *,
        prompt_install: bool = True,
        skip_in_testing: bool = True,
        requester: str = "",
        constraints: Any = None,
        **options,
    ) -> None:
        """``pip_ensure``: check, ask, install."""
        import slicer

        missing = self.missing(requirements)
        if not missing or (skip_in_testing and slicer.app.testingEnabled()):
            return
        question = f"{requester} needs {', '.join(str(m) for m in missing)}. Install?"
        if prompt_install and not slicer.util.confirmOkCancelDisplay(question):
            raise RuntimeError(f"the user declined to install {missing}")
        self.install(missing, constraints=constraints, requester=requester, **options)


def _requirement(value: Any) -> Any:
    from packaging.requirements import Requirement

    return value if isinstance(value, Requirement) else Requirement(value)


def requirement_is_met(value: Any) -> bool:
    """Whether an installed distribution satisfies a requirement such as ``numpy>=1.26``."""
    requirement = _requirement(value)
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(requirement.specifier.contains(version, prereleases=True))


def build_packaging(packaging: Packaging) -> types.ModuleType:
    """``slicer.packaging``."""
    module = types.ModuleType("slicer.packaging", "Package installation that tests control")

    def load_requirements(path: Any) -> list[Any]:
        lines = (line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
        return [_requirement(line) for line in lines if line]

    module.load_requirements = load_requirements
    module.pip_check = packaging.check
    module.pip_install = packaging.install
    module.pip_ensure = packaging.ensure
    module.pip_uninstall = packaging.uninstall
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
