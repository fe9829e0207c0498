"""The drawing surface: how much of each dye lies on each pixel."""

from dataclasses import dataclass

import numpy as np

from tools.drawing.noise import FloatField


@dataclass(frozen=True)
class Canvas:
    """Dye amounts of a drawing, each (H, W) float64; 0 is glass, 1 the fullest usual staining."""

    haematoxylin: FloatField
    eosin: FloatField
    blood: FloatField

    @classmethod
    def glass(cls, shape: tuple[int, int]) -> "Canvas":
        """Return an empty canvas (H, W): bare glass."""
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.eosin.shape[0], self.eosin.shape[1]

    def roughen(self, thickness: FloatField) -> None:
        """Multiply every dye by the thickness (H, W) of the section, about 1, in place."""
        self.haematoxylin[...] *= thickness
        self.eosin[...] *= thickness
        self.blood[...] *= thickness

    def paint(
        self,
        coverage: FloatField,
        *,
        haematoxylin: FloatField | float = 0.0,
        eosin: FloatField | float = 0.0,
        blood: FloatField | float = 0.0,
    ) -> None:
        """Replace what lies under `coverage` (H, W), 0 to 1, by the given dye amounts, in place."""
        self.haematoxylin[...] += coverage * (haematoxylin - self.haematoxylin)
        self.eosin[...] += coverage * (eosin - self.eosin)
        self.blood[...] += coverage * (blood - self.blood)
