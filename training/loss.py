"""Dice and cross-entropy on a sample of the voxels.

Logits of forty classes for every voxel of a patch cost more time than the network itself; a random third of the voxels
gives the same gradient but for a little noise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.network import PlainConvUNet

DEPTH_WEIGHTS = (1.0, 0.5, 0.25)
"""Weights of the heads, finest first: nnU-Net's deep supervision, cut after three."""

SAMPLED_SHARE = 0.3
"""Share of the voxels that the loss looks at."""


def class_weights(frequencies: Tensor, power: float) -> Tensor:
    """Weights of the classes in the cross-entropy: rare classes count more, by the given power of their rarity.

    Parameters
    ----------
    frequencies : share of the voxels of every class, [classes].
    power : 0 for equal weights.
    """
    return (frequencies[0] / frequencies.clamp_min(1e-6)) ** power


def network_loss(
    network: PlainConvUNet, image: Tensor, target: Tensor, weights: Tensor | None = None, with_finest: bool = True
) -> tuple[Tensor, Tensor]:
    """Weighted loss of the finest heads.

    Parameters
    ----------
    image : [1, 1, z, y, x].
    target : int64 channels, [z, y, x].
    weights : of the classes in the cross-entropy, [classes].
    with_finest : False leaves out the stage at full resolution; its head does not count then.

    Returns
    -------
    the loss, and the mean Dice of the finest head's hard labels on the sampled voxels (classes present).
    """
    finest = 0 if with_finest else 1
    features = network.decode(image, with_finest)[::-1]
    heads = list(network.decoder.seg_layers)[::-1]
    total, hard_dice = image.new_zeros(()), image.new_zeros(())
    for depth in range(finest, len(DEPTH_WEIGHTS)):
        stride = 2**depth
        truth = target[::stride, ::stride, ::stride].reshape(-1)
        sampled = SAMPLED_SHARE if depth == 0 else 1.0
        logits, truth = sampled_logits(heads[depth], features[depth - finest], truth, sampled)
        total = total + DEPTH_WEIGHTS[depth] * dice_and_cross_entropy(logits, truth, weights)
        if depth == finest:
            hard_dice = dice(functional.one_hot(logits.argmax(1), logits.shape[1]).float(), truth).detach()
    return total / sum(DEPTH_WEIGHTS[finest:]), hard_dice


def sampled_logits(head: nn.Conv3d, features: Tensor, truth: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """A 1x1x1 head applied to a random share of the voxels.

    Parameters
    ----------
    features : [1, c, z, y, x].
    truth : [voxels].

    Returns
    -------
    logits [sampled, classes] and truth [sampled].
    """
    voxels = features.permute(0, 2, 3, 4, 1).reshape(-1, features.shape[1])
    if share < 1.0:
        chosen = torch.randint(len(truth), (int(len(truth) * share),), device=truth.device)
        voxels, truth = voxels.index_select(0, chosen), truth.index_select(0, chosen)
    # In float32 also where the network below runs in bfloat16: sums over a million voxels follow.
    return functional.linear(voxels, head.weight.flatten(1), head.bias).float(), truth


def dice_and_cross_entropy(logits: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy minus soft Dice (so the best value is -1, as in nnU-Net)."""
    log_shares = functional.log_softmax(logits, dim=1)
    return functional.nll_loss(log_shares, truth, weights) - dice(log_shares.exp(), truth)


def dice(shares: Tensor, truth: Tensor) -> Tensor:
    """Mean Dice over the foreground classes that occur.

    Parameters
    ----------
    shares : [voxels, classes], summing to one over the classes.
    truth : [voxels].
    """
    n_classes = shares.shape[1]
    counts = torch.bincount(truth, minlength=n_classes).to(shares.dtype)
    hit = shares.gather(1, truth[:, None])[:, 0]
    overlap = torch.zeros(n_classes, device=shares.device, dtype=shares.dtype).index_add(0, truth, hit)
    per_class = (2 * overlap + 1) / (shares.sum(dim=0) + counts + 1)
    present = counts > 0
    present[0] = False
    return per_class[present].mean() if bool(present.any()) else per_class.sum() * 0 + 1
