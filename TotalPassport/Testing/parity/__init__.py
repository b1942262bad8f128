"""Comparison of our labels with those of the official TotalSegmentator package."""
