import numpy as np
import pytest

from core.drawing import draw_field
from core.errors import PatchError


def test_the_same_seed_gives_the_same_field() -> None:
    first, second = (draw_field(size_px=(128, 200), seed=5) for _ in range(2))
    assert first.image_rgb_u8.tobytes() == second.image_rgb_u8.tobytes()
    assert first.tumour_mask.tobytes() == second.tumour_mask.tobytes()


def test_a_field_has_the_size_asked_for() -> None:
    field = draw_field(size_px=(128, 200), seed=5)
    assert field.image_rgb_u8.shape == (128, 200, 3)
    assert field.tumour_mask.shape == (128, 200)


def test_overlapping_crops_agree_where_they_overlap() -> None:
    field = draw_field(size_px=(128, 200), seed=5)
    left, right = field.crop(8, 10), field.crop(8, 42)
    assert np.array_equal(left.image_rgb_u8[:, 32:], right.image_rgb_u8[:, :64])
    assert np.array_equal(left.tumour_mask[:, 32:], right.tumour_mask[:, :64])


def test_a_crop_is_labelled_by_its_own_centre() -> None:
    field = draw_field(size_px=(256, 256), seed=2, tumour_share=0.3)
    labels = set()
    for top in range(0, 161, 16):
        for left in range(0, 161, 16):
            inside = field.tumour_mask[top + 32 : top + 64, left + 32 : left + 64]
            assert field.crop(top, left).label == int(inside.any())
            labels.add(int(inside.any()))
    assert labels == {0, 1}


def test_more_tumour_share_draws_more_tumour() -> None:
    drawn = [
        float(
            np.mean(
                [
                    draw_field(size_px=(192, 192), seed=s, tumour_share=share).tumour_mask
                    for s in range(3)
                ]
            )
        )
        for share in (0.0, 0.2, 0.6)
    ]
    assert drawn[0] == 0
    assert 0.02 < drawn[1] < drawn[2] < 0.7


def test_a_field_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(PatchError, match="at least 96 x 96"):
        draw_field(size_px=(95, 200), seed=0)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(PatchError, match="expected 0 to 1"):
        draw_field(size_px=(96, 96), seed=0, tumour_share=1.2)


def test_a_window_beyond_the_field_is_refused() -> None:
    field = draw_field(size_px=(128, 128), seed=0)
    with pytest.raises(PatchError, match="leaves the field"):
        field.crop(33, 0)


def test_a_whole_field_has_no_label() -> None:
    with pytest.raises(PatchError, match="Take a crop first"):
        _ = draw_field(size_px=(128, 128), seed=0).label
