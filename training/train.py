"""Train the demo network on phantoms: ``python -m training.train --out DIR``.

Makes the pool of phantoms first (or finds it), trains, writes a checkpoint every hundred steps and goes on from the
last one when started again. About an hour on two cores that compute in bfloat16; a GPU is used if PyTorch finds one.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from training.loss import class_weights, network_loss
from training.network import PlainConvUNet
from training.patches import PatchSource, class_frequencies, load_volumes
from training.pool import fill_pool
from training.settings import PATCH_ZYX, PLAN, TRAINING_SEEDS

LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-4
WARM_UP_STEPS = 50
LATER_STEPS_COUNT = 2.5
"""As how many steps one of the second part counts, so that enough of the learning rate is left for it."""

AVERAGING = 0.99
"""Share of the old value in the running mean of the weights, which is what is exported."""

GRADIENT_NORM = 5.0
RARITY_POWER = 0.5
"""At first, rare classes count more in the cross-entropy, or small organs would be found late."""

EQUAL_FROM = 0.6
"""Share of the work after which all classes count the same, or small organs would end up too large."""

CHECKPOINT_EVERY = 100
LOG_EVERY = 20
CHECKPOINT_NAME = "checkpoint.pth"
LOG_NAME = "training_log.jsonl"


@dataclass(frozen=True)
class Schedule:
    """How long to train, and what.

    In the first part, the network's finest stage is left out: which organ is which is learnt in the stages below it, in
    half of the time. The second part trains everything.

    Parameters
    ----------
    first_steps : steps of the first part.
    steps : steps altogether.
    """

    first_steps: int
    steps: int

    def with_finest(self, step: int) -> bool:
        """Whether the whole network is trained."""
        return step >= self.first_steps

    def progress(self, step: int) -> float:
        """Share of the work that is done before a step."""
        later = self.steps - self.first_steps
        done = min(step, self.first_steps) + LATER_STEPS_COUNT * max(step - self.first_steps, 0)
        return done / (self.first_steps + LATER_STEPS_COUNT * later)

    def learning_rate(self, step: int) -> float:
        """Short linear warm-up, then half a cosine down to zero."""
        if step < WARM_UP_STEPS:
            return LEARNING_RATE * (step + 1) / WARM_UP_STEPS
        return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * min(self.progress(step), 1.0)))

    def rarity_power(self, step: int) -> float:
        """How much more rare classes count; falls linearly to nothing."""
        return RARITY_POWER * max(0.0, 1 - self.progress(step) / EQUAL_FROM)


class Trainer:
    """Network, optimiser and averaged weights, with their checkpoint on disk."""

    def __init__(self, folder: Path, schedule: Schedule, *, bfloat16: bool = True) -> None:
        torch.manual_seed(0)
        self.folder, self.schedule, self.step, self.bfloat16 = folder, schedule, 0, bfloat16
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # Channels last is about twice as fast on a CPU.
        self.network = PlainConvUNet(PLAN).to(self.device, memory_format=torch.channels_last_3d)
        self.averaged = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self._resume()

    def run(self, source: PatchSource) -> None:
        """Train from the current step to the end of the schedule."""
        self.frequencies = torch.from_numpy(class_frequencies(source.volumes, PLAN.n_classes)).float().to(self.device)
        started, losses, dices = time.monotonic(), [], []
        for image, channels in upcoming_patches(source, range(self.step, self.schedule.steps)):
            loss, hard_dice = self._train_on(image, channels)
            losses.append(loss)
            dices.append(hard_dice)
            self.step += 1
            if self.step % LOG_EVERY == 0:
                self._log(np.mean(losses), np.mean(dices), time.monotonic() - started)
                losses, dices = [], []
            if self.step % CHECKPOINT_EVERY == 0 or self.step == self.schedule.steps:
                self._save()

    def _train_on(self, image: np.ndarray, channels: np.ndarray) -> tuple[float, float]:
        # The voxels that the loss samples depend on the step only, also after resuming.
        torch.manual_seed(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate(self.step)
        x = torch.from_numpy(image)[None, None].to(self.device, memory_format=torch.channels_last_3d)
        truth = torch.from_numpy(channels.astype(np.int64)).to(self.device)
        weights = class_weights(self.frequencies, self.schedule.rarity_power(self.step))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            loss, hard_dice = network_loss(self.network, x, truth, weights, self.schedule.with_finest(self.step))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self._average()
        return float(loss.detach()), float(hard_dice)

    @torch.no_grad()
    def _average(self) -> None:
        # Early on the mean follows quickly, so that it forgets the random start.
        keep = min(AVERAGING, (self.step + 1) / (self.step + 10))
        for mean, now in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)

    def _log(self, loss: float, hard_dice: float, seconds: float) -> None:
        rate = self.schedule.learning_rate(self.step)
        line = {"step": self.step, "loss": round(float(loss), 4), "dice": round(float(hard_dice), 4)}
        line |= {"learning_rate": round(rate, 7), "seconds": round(seconds, 1)}
        print(json.dumps(line), flush=True)
        with (self.folder / LOG_NAME).open("a") as log:
            log.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        path = self.folder / CHECKPOINT_NAME
        temporary = path.with_suffix(".tmp")
        content = {
            "network_weights": self.averaged.state_dict(),
            "raw_weights": self.network.state_dict(),
            "optimizer_state": self.optimiser.state_dict(),
            "step": self.step,
            "steps": self.schedule.steps,
        }
        torch.save(content, temporary)
        os.replace(temporary, path)

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT_NAME
        if not path.exists():
            return
        content = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(content["raw_weights"])
        self.averaged.load_state_dict(content["network_weights"])
        self.optimiser.load_state_dict(content["optimizer_state"])
        self.step = content["step"]
        print(f"going on from step {self.step}", flush=True)


def upcoming_patches(source: PatchSource, steps: range) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Patches of all the steps, each one made while the network is busy with the one before."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        waiting = deque(worker.submit(source.patch, step, PATCH_ZYX) for step in steps[:1])
        for step in steps:
            patch = waiting.popleft().result()
            if step + 1 in steps:
                waiting.append(worker.submit(source.patch, step + 1, PATCH_ZYX))
            yield patch


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for pool, checkpoint and log")
    parser.add_argument("--steps", type=int, default=4400, help="training steps altogether")
    parser.add_argument("--first-steps", type=int, default=2300, help="of these, steps of the first part")
    parser.add_argument("--float32", action="store_true", help="for processors that have no bfloat16")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that make phantoms")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    paths = fill_pool(arguments.out / "pool", TRAINING_SEEDS, arguments.processes)
    schedule = Schedule(arguments.first_steps, arguments.steps)
    Trainer(arguments.out, schedule, bfloat16=not arguments.float32).run(PatchSource(load_volumes(paths)))


if __name__ == "__main__":
    main()
