"""The demo network in PyTorch: nnU-Net's PlainConvUNet, with the names nnU-Net gives its parameters.

Only training needs this file. The product rebuilds the same network as an ONNX graph from the state dict, so the
keys (``encoder.stages.i.0.convs.j.conv.weight`` and so on) are part of the contract and must not change.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.plan import NetworkPlan


class ConvNormAct(nn.Module):
    """Convolution 3x3x3 with bias, instance normalisation, leaky ReLU."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(n_in, n_out, kernel_size=3, stride=stride, padding=1, bias=True)
        self.norm = nn.InstanceNorm3d(n_out, eps=1e-5, affine=True)
        self.act = nn.LeakyReLU(negative_slope=0.01, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


class StackedConvs(nn.Module):
    """Several convolutions in a row; only the first one may have a stride."""

    def __init__(self, n_convs: int, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        first = ConvNormAct(n_in, n_out, stride)
        self.convs = nn.Sequential(first, *(ConvNormAct(n_out, n_out, 1) for _ in range(n_convs - 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x)


class Encoder(nn.Module):
    """Contracting path; returns the output of every stage, finest first."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        widths = (1, *plan.features)
        # nnU-Net wraps every stage in a Sequential of one: that is the ".0." in the parameter names.
        self.stages = nn.Sequential(
            *(
                nn.Sequential(StackedConvs(n_convs, widths[i], widths[i + 1], plan.strides[i]))
                for i, n_convs in enumerate(plan.convs_per_stage)
            )
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        skips = []
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        return skips


class Decoder(nn.Module):
    """Expanding path with one segmentation head per stage (the last head is the network's output)."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        stages, upsamplings, heads = [], [], []
        for s, n_convs in enumerate(plan.convs_per_decoder_stage):
            below, skip = plan.features[-1 - s], plan.features[-2 - s]
            stride = plan.strides[-1 - s]
            upsamplings.append(nn.ConvTranspose3d(below, skip, kernel_size=stride, stride=stride, bias=True))
            stages.append(StackedConvs(n_convs, 2 * skip, skip, 1))
            heads.append(nn.Conv3d(skip, plan.n_classes, kernel_size=1, bias=True))
        self.stages = nn.ModuleList(stages)
        self.transpconvs = nn.ModuleList(upsamplings)
        self.seg_layers = nn.ModuleList(heads)

    def forward(self, skips: Sequence[Tensor], n_stages: int) -> list[Tensor]:
        """Features of the first ``n_stages`` decoder stages, coarsest first."""
        x, features = skips[-1], []
        for s, stage in enumerate(self.stages[:n_stages]):
            x = stage(torch.cat((self.transpconvs[s](x), skips[-2 - s]), dim=1))
            features.append(x)
        return features


class PlainConvUNet(nn.Module):
    """nnU-Net's plain U-Net.

    ``forward`` gives logits ``[n, classes, z, y, x]``; ``decode`` gives the features below the heads, so that training
    can apply a head to a sample of the voxels only.
    """

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        self.plan = plan
        self.encoder = Encoder(plan)
        self.decoder = Decoder(plan)
        self.apply(initialise)

    def decode(self, x: Tensor, with_finest: bool = True) -> list[Tensor]:
        """Decoder features for input ``[n, 1, z, y, x]``, coarsest stage first.

        Parameters
        ----------
        with_finest : whether to run the stage at full resolution, which costs more than all others together.
        """
        return self.decoder(self.encoder(x), len(self.decoder.stages) - (not with_finest))

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder.seg_layers[-1](self.decode(x)[-1])


def initialise(module: nn.Module) -> None:
    """He initialisation for leaky ReLU, zero biases, as nnU-Net does."""
    if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
        nn.init.kaiming_normal_(module.weight, a=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
