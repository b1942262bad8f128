"""From a bundle of MONAI's wholeBody_ct_segmentation to models of ours."""
