"""The files of a part as they lie on the disk: each is read and checked once, however many ask for what it holds."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .description import Part, read_head, verify_file

if TYPE_CHECKING:
    import numpy as np


class NetworkFiles:
    """The network of a part and its head.

    Parameters
    ----------
    part : Part
        The part; what its description says of the files is held against them.
    """

    def __init__(self, part: Part) -> None:
        self._part = part

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the network, in hexadecimal.

        Raises
        ------
        ModelError
            It is missing, or not the one that the description means.
        """
        return verify_file(self._part.network, self._part.sha256)

    @cached_property
    def head(self) -> np.ndarray | None:
        """What makes logits of the network's features, see `read_head`; None if the network gives logits itself.

        Raises
        ------
        ModelError
            The file is missing, or not the one that the description means.
        """
        return read_head(self._part)

    def verify(self) -> None:
        """Check that the files are there and are those that the description means.

        Raises
        ------
        ModelError
            A file is missing, or another one than meant.
        """
        _ = self.sha256, self.head
