"""Whether slide-cluster intervals cover what they say, on simulated slides whose truth is known.

Slides differ in size (lognormal) and in their own sensitivity (beta, with a stated intra-slide
correlation). A thousand sets each: chance alone moves a coverage of 95 % by 1.4 points (2 SE).
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from core.statistics import Evidence, SlideBootstrap, slide_rate
from core.statistics.slide_rates import slide_rate_bounds

SETS = 1000


def simulated(
    *, slides: int, rate: float, correlation: float, spread: float, sets: int = SETS, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hits and patches (sets, slides); the mean slide has 100 tumour patches."""
    rng = np.random.default_rng(seed)
    sigma = np.sqrt(np.log(1 + spread**2))
    sizes = 100 * np.exp(rng.normal(-(sigma**2) / 2, sigma, (sets, slides)))
    patches = np.maximum(1, sizes.round()).astype(np.int64)
    strength = (1 - correlation) / correlation
    own = rng.beta(rate * strength, (1 - rate) * strength, (sets, slides))
    return rng.binomial(patches, own), patches


def coverage(slides: int, rate: float, correlation: float, spread: float) -> float:
    hits, patches = simulated(slides=slides, rate=rate, correlation=correlation, spread=spread)
    bounds = slide_rate_bounds(hits, patches)
    return float(np.mean((bounds.low <= rate) & (rate <= bounds.high)))


@pytest.mark.parametrize("slides", [20, 30, 50, 100, 200])
@pytest.mark.parametrize("correlation", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("spread", [0.5, 1.0])
@pytest.mark.parametrize("rate", [0.8, 0.9, 0.95])
def test_from_20_slides_on_the_interval_covers_93_to_97_percent(
    slides: int, rate: float, correlation: float, spread: float
) -> None:
    # 1.4 points beyond the promise is what a thousand sets may stray by chance.
    assert 0.93 - 0.014 <= coverage(slides, rate, correlation, spread) <= 0.97 + 0.014


def test_averaged_over_those_settings_it_covers_95_percent() -> None:
    covered = [
        coverage(slides, rate, correlation, spread)
        for slides in (20, 30, 50, 100, 200)
        for rate in (0.8, 0.9, 0.95)
        for correlation in (0.05, 0.2, 0.4)
        for spread in (0.5, 1.0)
    ]
    assert np.mean(covered) == pytest.approx(0.953, abs=0.005)


@pytest.mark.parametrize("slides", [10, 15])
@pytest.mark.parametrize("rate", [0.8, 0.9, 0.95])
def test_with_10_or_15_slides_it_is_rather_too_wide_than_too_narrow(
    slides: int, rate: float
) -> None:
    for correlation in (0.05, 0.2, 0.4):
        assert coverage(slides, rate, correlation, spread=1.0) >= 0.935


def test_wilson_alone_covers_far_less_than_it_says() -> None:
    hits, patches = simulated(slides=50, rate=0.9, correlation=0.2, spread=0.5)
    low, high = proportion_confint(hits.sum(axis=1), patches.sum(axis=1), method="wilson")
    assert np.mean((low <= 0.9) & (high >= 0.9)) < 0.6


def test_the_percentile_bootstrap_covers_less_than_the_interval_that_is_used() -> None:
    hits, patches = simulated(slides=20, rate=0.9, correlation=0.2, spread=1.0, sets=300)
    rng = np.random.default_rng(1)
    covered = 0
    for of_hits, of_patches in zip(hits, patches, strict=True):
        draws = rng.multinomial(20, np.full(20, 1 / 20), size=400)
        low, high = np.quantile((draws @ of_hits) / (draws @ of_patches), [0.025, 0.975])
        covered += bool(low <= 0.9 <= high)
    used = slide_rate_bounds(hits, patches)
    assert covered / 300 + 0.03 < np.mean((used.low <= 0.9) & (used.high >= 0.9))


def test_one_patch_per_slide_is_the_binomial_case() -> None:
    hits = (np.random.default_rng(2).random(400) < 0.8).astype(float)
    rate = slide_rate(hits, np.ones(400))
    assert rate.design_effect == pytest.approx(1, abs=0.01)
    low, high = proportion_confint(int(hits.sum()), 400, method="wilson")
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=0.005)


def test_equal_slides_give_the_variance_of_slide_means() -> None:
    rate = slide_rate([7.0, 9.0, 8.0, 10.0], [10.0, 10.0, 10.0, 10.0])
    binomial = 0.85 * 0.15 / 40
    variance = np.var([0.7, 0.9, 0.8, 1.0], ddof=1) / 4
    assert rate.design_effect == pytest.approx(variance / binomial)


def test_equal_slides_have_their_number_less_one_degrees_of_freedom() -> None:
    # Satterthwaite's, seen at a rate of 1, where no miss limits them.
    assert slide_rate_bounds([10.0] * 12, [10.0] * 12).degrees_of_freedom == pytest.approx(11)


def test_few_slides_with_misses_limit_the_degrees_of_freedom_and_leave_a_note() -> None:
    hits, trials = [6.0, 7.0, 8.0, 9.0] + [10.0] * 36, [10.0] * 40
    bounds = slide_rate_bounds(hits, trials)
    assert bounds.informative_slides == 4
    assert bounds.degrees_of_freedom == 2
    assert "Only 4 slides" in slide_rate(hits, trials).notes[0]
    many = slide_rate([8.0, 9.0] * 20, [10.0] * 40)
    assert many.notes == ()


def test_slides_that_agree_by_chance_are_not_taken_for_more_than_their_patches() -> None:
    rate = slide_rate([8.0] * 20, [10.0] * 20)
    low, high = proportion_confint(160, 200, method="wilson")
    assert rate.low < low
    assert rate.high > high


def test_slides_without_spread_fall_back_to_counting_slides() -> None:
    rate = slide_rate([10.0] * 12, [10.0] * 12)
    assert rate.high == 1
    assert rate.low < 0.8  # twelve perfect slides, not 120 perfect patches


def test_one_miss_is_about_as_certain_as_none() -> None:
    trials = np.array([1, 3, 3, 3, 4, 4, 4, 4, 4, 5, 6, 9, 9])
    for slide in range(len(trials)):
        hits = trials - (np.arange(len(trials)) == slide)
        one, none = slide_rate(hits, trials), slide_rate(trials, trials)
        assert none.low - 0.04 < one.low < none.low
        assert one.low < one.value < one.high <= none.high


@pytest.mark.parametrize("rate", [0.8, 0.9, 0.95])
def test_slides_of_one_kind_each_are_one_trial_each(rate: float) -> None:
    """All patches of a slide alike: Wilson's interval of as many trials, with t for z."""
    rng = np.random.default_rng(3)
    trials = np.full((SETS, 25), 40)
    bounds = slide_rate_bounds(trials * (rng.random(trials.shape) < rate), trials)
    t = float(stats.t.ppf(0.975, 24))
    share = bounds.value
    centre, half = share + t**2 / 50, t * np.sqrt(share * (1 - share) / 25 + t**2 / 2500)
    lower, upper = (centre - half) / (1 + t**2 / 25), (centre + half) / (1 + t**2 / 25)
    assert (bounds.low >= lower - 1e-9).all()
    assert (bounds.high <= upper + 1e-9).all()
    assert np.mean((bounds.low <= rate) & (rate <= bounds.high)) >= 0.935


def test_slides_without_tumour_do_not_count() -> None:
    with_empty = slide_rate([7.0, 9.0, 0.0], [10.0, 10.0, 0.0])
    without = slide_rate([7.0, 9.0], [10.0, 10.0])
    assert with_empty == without
    assert without.has_interval
    assert not slide_rate([7.0], [10.0]).has_interval
    assert np.isnan(slide_rate([0.0], [0.0]).value)


@pytest.mark.parametrize("slides", [20, 40, 100])
def test_the_interval_of_the_area_covers_93_to_97_percent(slides: int) -> None:
    # Every slide shifts all its scores. Pairs across slides differ by N(1, 2 + 2 x 0.7^2), pairs
    # within a slide, one in `slides`, by N(1, 2).
    shift, rows = 0.7, 20
    across, within = norm.cdf(1 / np.sqrt(2 + 2 * shift**2)), norm.cdf(1 / np.sqrt(2))
    truth = across + (within - across) / slides
    rng = np.random.default_rng(3)
    covered = 0
    names = np.repeat([f"s{number:02d}" for number in range(slides)], rows)
    labels = np.tile([0, 1], slides * rows // 2)
    for _ in range(SETS):
        own = np.repeat(rng.normal(0, shift, slides), rows)
        scores = labels + own + rng.normal(0, 1, slides * rows)
        bootstrap = SlideBootstrap.of(Evidence.of(labels, scores, names), rng, replicates=400)
        covered += bootstrap.auroc().measured.covers(truth)
    assert 0.93 <= covered / SETS <= 0.97
