"""From nnU-Net's weights, as TotalSegmentator releases them, to networks of ours, without PyTorch."""
