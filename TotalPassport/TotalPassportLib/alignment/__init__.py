"""Aligning two scans by their passports."""

from .registration import KINDS, align
from .result import Alignment, OrganResidual

__all__ = ["KINDS", "Alignment", "OrganResidual", "align"]
