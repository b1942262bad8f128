"""A batch's report: quality checks, agreement with ground truth, outliers with pictures."""
