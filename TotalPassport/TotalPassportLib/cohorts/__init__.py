"""Passports of many scans as one table, and questions to it."""

from .opening import Cohort, cohort

__all__ = ["Cohort", "cohort"]
