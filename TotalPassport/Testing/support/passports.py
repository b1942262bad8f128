"""Passports of bodies made of ellipsoids, known exactly, and moved exactly: no voxels, no rounding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport import OrganPassport, Passport
from TotalPassportLib.passport.axes import principal_axes

LABELS = (1, 2, 3, 5, 6, 7, 8, 9, 25, 27, 28, 29, 30, 31, 52, 63, 75, 76, 77, 78)
"""Soft organs, five vertebrae and the bones of the hip, by their values in the table ``total``."""
VERTEBRAE = (27, 28, 29, 30, 31)


def body(labels: Iterable[int] = LABELS, seed: int = 0) -> Passport:
    """Return the passport of ellipsoids spread over a trunk; an organ is the same whichever others there are."""
    organs = {label: _organ(label, np.random.default_rng([seed, label])) for label in labels}
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = (-240.0, -180.0, -300.0)
    return Passport(organs=organs, shape=(160, 120, 200), affine=affine)


def spine(seed: int = 0) -> Passport:
    """Return vertebrae alone, whose centres lie within 3 mm of a line."""
    rng = np.random.default_rng(seed)
    whole = body(VERTEBRAE, seed)
    organs = {
        label: _moved_organ(organ, _translation([*rng.uniform(-2, 2, 2), 35.0 * place] - organ.centroid_ras_mm))
        for place, (label, organ) in enumerate(whole.organs.items())
    }
    return replace(whole, organs=organs)


def moved(passport: Passport, matrix: np.ndarray) -> Passport:
    """Return the passport of the same body after a 4 x 4 map of RAS mm."""
    organs = {label: _moved_organ(organ, matrix) for label, organ in passport.organs.items()}
    return replace(passport, organs=organs, affine=matrix @ passport.affine)


def without(passport: Passport, *labels: int) -> Passport:
    """Return the passport with organs missing."""
    return replace(passport, organs={label: organ for label, organ in passport.organs.items() if label not in labels})


def swapped(passport: Passport, *pairs: tuple[int, int]) -> Passport:
    """Return the passport with organs mistaken for each other."""
    organs = dict(passport.organs)
    for one, other in pairs:
        first, second = organs[one], organs[other]
        organs[one] = replace(second, label=one, name=first.name)
        organs[other] = replace(first, label=other, name=second.name)
    return replace(passport, organs=organs)


def edited(passport: Passport, label: int, **changes: object) -> Passport:
    """Return the passport with fields of one organ exchanged."""
    return replace(passport, organs={**passport.organs, label: replace(passport.organs[label], **changes)})


def _organ(label: int, rng: np.random.Generator) -> OrganPassport:
    centre = rng.uniform((-150, -80, -220), (150, 80, 220))
    semi_axes = np.sort(rng.uniform(12, 40, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    sphere = rng.normal(size=(500, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    covariance = turn @ np.diag(semi_axes**2 / 5) @ turn.T
    volume_mm3 = float(4 / 3 * np.pi * semi_axes.prod())
    name = load_label_table("total")[label].name
    points = centre + (sphere * semi_axes) @ turn.T
    eigenvalues, eigenvectors = principal_axes(covariance)
    return OrganPassport(
        label=label,
        name=name,
        voxel_count=round(volume_mm3 / 27),
        volume_mm3=volume_mm3,
        centroid_ras_mm=centre,
        covariance_mm2=covariance,
        eigenvalues_mm2=eigenvalues,
        eigenvectors=eigenvectors,
        boundary_points_ras_mm=points,
        touches_border=False,
    )


def _moved_organ(organ: OrganPassport, matrix: np.ndarray) -> OrganPassport:
    linear = matrix[:3, :3]
    covariance = linear @ organ.covariance_mm2 @ linear.T
    eigenvalues, vectors = principal_axes(covariance)
    return replace(
        organ,
        volume_mm3=organ.volume_mm3 * float(abs(np.linalg.det(linear))),
        centroid_ras_mm=linear @ organ.centroid_ras_mm + matrix[:3, 3],
        covariance_mm2=covariance,
        eigenvalues_mm2=eigenvalues,
        eigenvectors=vectors,
        boundary_points_ras_mm=organ.boundary_points_ras_mm @ linear.T + matrix[:3, 3],
    )


def _translation(shift_mm: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix
