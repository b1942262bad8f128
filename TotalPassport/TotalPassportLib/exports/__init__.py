"""Results in the formats of other programs: Slicer's segmentations, MetaImage, and DICOM objects of a DICOM scan."""
