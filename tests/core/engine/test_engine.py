from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from core.engine import d4_views, resolve_device
from core.errors import RunError
from core.scoring import Classifier
from tests.toys import noise_patches


def test_the_eight_views_are_those_of_an_independent_library() -> None:
    image = noise_patches(1)
    picture = Image.fromarray(image[0])
    transposes = [
        None,
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_180,
        Image.Transpose.ROTATE_270,
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSVERSE,
    ]
    expected = {
        (picture if how is None else picture.transpose(how)).tobytes() for how in transposes
    }
    views = d4_views(image)
    assert {view[0].tobytes() for view in views} == expected
    assert len(expected) == 8
    np.testing.assert_array_equal(views[0], image)


def test_the_eight_logits_of_a_turned_patch_are_the_same_eight(toy_classifier: Classifier) -> None:
    images = noise_patches(3)
    upright = np.sort(toy_classifier.engine.d4_logits(images), axis=1)
    turned = np.sort(toy_classifier.engine.d4_logits(d4_views(images)[5]), axis=1)
    np.testing.assert_allclose(upright, turned, atol=1e-5)


def test_a_logit_does_not_depend_on_the_patches_beside_it(toy_classifier: Classifier) -> None:
    images = noise_patches(9)
    together = toy_classifier.engine.logits(images)
    alone = np.concatenate([toy_classifier.engine.logits(images[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_many_threads_on_one_engine_score_as_one_thread_does(toy_classifier: Classifier) -> None:
    batches = [noise_patches(4, seed) for seed in range(16)]
    serial = [toy_classifier.engine.logits(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(toy_classifier.engine.logits, batches))
    np.testing.assert_array_equal(serial, parallel)


def test_no_patches_give_no_logits_and_wrong_shapes_are_refused(
    toy_classifier: Classifier,
) -> None:
    assert toy_classifier.engine.logits(noise_patches(1)[:0]).shape == (0,)
    with pytest.raises(RunError, match="expected \\(N, 96, 96, 3\\) uint8"):
        toy_classifier.engine.logits(noise_patches(1)[:, :64])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_is_refused_in_words_where_there_is_none() -> None:
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(RunError, match="no CUDA device"):
        resolve_device("cuda")
