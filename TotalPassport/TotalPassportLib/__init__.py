"""Organs and anatomical passports from a CT: the pure library, free of Slicer and Qt."""

__version__ = "0.1.0"
