"""Scans in DICOM: headers, series, archives, and the voxels of one series."""
