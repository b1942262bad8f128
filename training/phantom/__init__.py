"""Synthetic CT of the human trunk, made from formulas; knows nothing of any patient."""

from .generator import Phantom, make_phantom
from .structure import LABEL_VALUES

__all__ = ["LABEL_VALUES", "Phantom", "make_phantom"]
