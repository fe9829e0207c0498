import numpy as np
import torch

from training.variation.transplant import draw_mixture

CPU = torch.device("cpu")


def test_patches_and_labels_are_blended_by_the_same_share_with_the_same_partner() -> None:
    mixture = draw_mixture(0.4, 6, torch.Generator().manual_seed(1), CPU)
    patches, labels = torch.randn(6, 3, 4, 4), torch.tensor([0.0, 1, 0, 1, 1, 0])
    for values in (patches, labels):
        found = mixture.of(values)
        for row, partner in enumerate(mixture.partners.tolist()):
            expected = mixture.share * values[row] + (1 - mixture.share) * values[partner]
            torch.testing.assert_close(found[row], expected)


def test_the_shares_follow_the_beta_distribution() -> None:
    generator = torch.Generator().manual_seed(0)
    shares = [draw_mixture(0.4, 2, generator, CPU).share for _ in range(2000)]
    # Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
    assert abs(np.mean(shares) - 0.5) < 0.03
    assert abs(np.var(shares) - 1 / (4 * 1.8)) < 0.01
