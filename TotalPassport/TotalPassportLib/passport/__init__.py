"""The anatomical passport: what each organ is, where it lies, how it is shaped, and whether that can be trusted."""

# Measuring (`extraction`) is imported where it is used: it needs nibabel, which Slicer may only be about to install.
from .document import read_passport, write_passport
from .organ import OrganPassport, Passport
from .rules import Finding

__all__ = ["Finding", "OrganPassport", "Passport", "read_passport", "write_passport"]
