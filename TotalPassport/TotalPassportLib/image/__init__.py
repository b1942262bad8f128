"""Scans and label images: reading and writing them, their grids, and what a network sees of them."""
