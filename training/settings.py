"""The figures of the demo model, all of them, in one place."""

from __future__ import annotations

from training.phantom import LABEL_VALUES
from training.plan import NetworkPlan

SPACING_MM = 3.0
"""Grid that the network sees, the same along all axes, mm."""

PATCH_ZYX = (96, 80, 128)
"""Window of training and of inference: instance normalisation makes the result depend on it. Voxels.

About a whole cross-section of the trunk: with less of the body in view, left and right or neighbouring vertebrae get
mixed up near the window's edges."""

WINDOW_STEP = 0.8
"""Step of the sliding window as a share of the patch."""

LEAST_PIECE_FRACTION = 0.2
"""Pieces smaller than this part of their organ's largest piece are stray voxels and removed."""

CLIP_LOW_HU, CLIP_HIGH_HU = -1000.0, 600.0
MEAN_HU, STD_HU = -100.0, 250.0
"""Normalisation: clip, subtract the mean, divide by the standard deviation. Padding is 0 afterwards, so -100 HU."""

CHANNEL_LABELS: tuple[int, ...] = (0, *sorted(LABEL_VALUES.values()))
"""Label value of every output channel; channel 0 is background."""

PLAN = NetworkPlan(
    features=(16, 32, 64, 96, 80),
    convs_per_stage=(1, 2, 2, 2, 2),
    convs_per_decoder_stage=(1, 1, 1, 1),
    n_classes=len(CHANNEL_LABELS),
)

POOL_SIZE = 400
"""Phantoms that training draws from."""

TRAINING_SEEDS = range(POOL_SIZE)
EVALUATION_SEEDS = range(90_000, 90_010)
SAMPLE_SEED = 95_001
"""Seeds of the phantoms; the three ranges never meet, so neither evaluation nor the sample CT was ever trained on."""
