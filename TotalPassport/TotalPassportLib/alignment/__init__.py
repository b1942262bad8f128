"""Aligning two scans by their passports.

Its modules load scipy where they use it: that takes longer than most alignments, of which many need none.
"""

from .registration import KINDS, align
from .result import Alignment, OrganResidual

__all__ = ["KINDS", "Alignment", "OrganResidual", "align"]
