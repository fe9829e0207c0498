"""The OpenVINO engine against PyTorch in float32, its independent reference."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.bundle import Architecture, Bundle, Preprocessing, read_bundle
from core.engine import EngineKind, Precision, TorchEngine, open_engine
from core.engine.graphs import converted_graph, graph_key, shipped_graph
from core.engine.openvino_cpu import OpenVinoEngine
from core.errors import RunError
from core.scoring import Classifier, open_classifier
from core.settings import PROJECT, SHIPPED_MODEL
from tests.toys import noise_patches, write_patches, write_toy_bundle


@pytest.fixture
def engine(toy_classifier: Classifier) -> OpenVinoEngine:
    assert isinstance(toy_classifier.engine, OpenVinoEngine)
    return toy_classifier.engine


def test_logits_evidence_and_features_are_those_of_pytorch(engine: OpenVinoEngine) -> None:
    images = noise_patches(9)
    converted, expected = engine.details(images), engine.pytorch().details(images)
    np.testing.assert_array_equal(converted.logits, engine.logits(images))
    np.testing.assert_allclose(converted.logits, expected.logits, atol=1e-4)
    assert converted.features is not None
    assert expected.features is not None
    np.testing.assert_allclose(converted.features, expected.features, atol=1e-4)
    assert converted.evidence is not None
    assert expected.evidence is not None
    np.testing.assert_allclose(converted.evidence, expected.evidence, atol=1e-4)


def test_a_logit_is_the_same_bits_whatever_stands_beside_it(engine: OpenVinoEngine) -> None:
    images = noise_patches(11)
    together = engine.logits(images)
    alone = [engine.logits(images[place : place + 1])[0] for place in range(11)]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(engine.logits(images[::-1]), together[::-1])


def test_several_batches_under_way_keep_their_logits(engine: OpenVinoEngine) -> None:
    batches = [noise_patches(count, seed) for seed, count in enumerate((1, 7, 4, 12))]
    pending = [engine.submit(batch) for batch in batches]
    for batch, wait in reversed(list(zip(batches, pending, strict=True))):
        np.testing.assert_array_equal(wait().logits, engine.logits(batch))


def test_the_shipped_model_makes_the_same_calls_as_pytorch_and_fast_stays_near() -> None:
    exact = open_classifier(SHIPPED_MODEL, device="cpu")
    fast = open_classifier(SHIPPED_MODEL, device="cpu", precision=Precision.FAST)
    images = exact.bundle.golden_images
    reference = exact.bundle.golden_logits
    assert np.abs(exact.engine.logits(images) - reference).max() < 1e-4
    assert np.abs(fast.engine.logits(images) - reference).max() < 0.4
    evidence = exact.engine.details(images).evidence
    assert evidence is not None
    head = exact.engine.pytorch().served.head
    assert head is not None
    np.testing.assert_allclose(evidence.sum(axis=(1, 2)) + head.bias, reference, atol=1e-4)


_MAPS_OF_FAST = """
import sys
from core.engine import Precision
from core.explanation import Explainer
from core.scoring import open_classifier
from core.settings import SHIPPED_MODEL

fast, exact = (open_classifier(SHIPPED_MODEL, device="cpu", precision=one)
               for one in (Precision.FAST, Precision.EXACT))
images = exact.bundle.golden_images
found, expected = (Explainer(one).maps(images) for one in (fast, exact))
assert fast.engine.precision is (Precision.FAST if fast.engine.offers_fast else Precision.EXACT)
assert (found.values == expected.values).all() and (found.controls == expected.controls).all()
assert (found.logits == fast.engine.logits(images)).all()
assert (found.logits != expected.logits).any() == fast.engine.offers_fast
assert "torch" not in sys.modules
"""


def test_maps_of_a_fast_engine_are_the_exact_ones_beside_its_own_scores_without_pytorch() -> None:
    subprocess.run([sys.executable, "-c", _MAPS_OF_FAST], check=True, cwd=PROJECT)


def test_the_shipped_model_comes_with_the_graph_that_its_conversion_gives(tmp_path: Path) -> None:
    bundle = read_bundle(SHIPPED_MODEL)
    assert shipped_graph(bundle), "converted_graph(bundle, SHIPPED_GRAPHS) makes it; remove the old"
    shipped = open_engine(bundle, device="cpu", kind=EngineKind.OPENVINO, graphs=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    converted = OpenVinoEngine(converted_graph(bundle, tmp_path), pytorch=shipped.pytorch)
    images = bundle.golden_images
    np.testing.assert_allclose(shipped.logits(images), converted.logits(images), atol=1e-5)


def test_a_shipped_graph_that_is_damaged_is_made_anew_elsewhere(
    toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = read_bundle(toy_bundle)
    shipped, graphs = tmp_path / "shipped", tmp_path / "graphs"
    converted_graph(bundle, shipped).write_text("<net", "utf-8")
    monkeypatch.setattr("core.engine.graphs.SHIPPED_GRAPHS", shipped)
    assert shipped_graph(bundle)
    assert isinstance(open_engine(bundle, device="cpu", graphs=graphs), OpenVinoEngine)
    assert [place.name for place in graphs.iterdir()] == [graph_key(bundle)]


def test_a_damaged_graph_is_made_anew(toy_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(toy_bundle)
    graph = converted_graph(bundle, tmp_path)
    graph.write_text("<net", "utf-8")
    engine = open_engine(bundle, device="cpu", kind=EngineKind.OPENVINO, graphs=tmp_path)
    assert isinstance(engine, OpenVinoEngine)
    assert [place.name for place in tmp_path.iterdir()] == [graph_key(bundle)]


def test_a_network_that_does_not_convert_runs_in_pytorch_and_is_tried_once(
    toy_bundle: Path, tmp_path: Path
) -> None:
    stained = _with_stains(read_bundle(toy_bundle), tmp_path / "bundle")
    graphs = tmp_path / "graphs"
    assert isinstance(open_engine(stained, device="cpu", graphs=graphs), TorchEngine)
    (refusal,) = graphs.glob("*/*")
    assert "cannot be converted" in refusal.read_text("utf-8")
    with pytest.raises(RunError, match="--engine pytorch"):
        open_engine(stained, device="cpu", kind=EngineKind.OPENVINO, graphs=graphs)


def test_a_full_disk_says_nothing_of_the_network_and_is_not_remembered(
    toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    bundle = read_bundle(toy_bundle)
    with monkeypatch.context() as patched:
        patched.setattr("openvino.save_model", full)
        engine = open_engine(bundle, device="cpu", graphs=tmp_path)
        assert isinstance(engine, TorchEngine)
        assert not list(tmp_path.glob("*"))
    assert isinstance(open_engine(bundle, device="cpu", graphs=tmp_path), OpenVinoEngine)


def _with_stains(bundle: Bundle, folder: Path) -> Bundle:
    write_toy_bundle(folder)
    card = folder / "card.json"
    content = json.loads(card.read_text("utf-8"))
    content["preprocessing"]["stain_normalisation"] = "macenko"
    card.write_text(json.dumps(content), "utf-8")
    assert bundle.card.preprocessing.stain_normalisation == "none"
    return read_bundle(folder)


def test_two_that_convert_at_once_both_succeed(toy_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(toy_bundle)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: converted_graph(bundle, tmp_path), range(2))
    assert first == second
    assert [place.name for place in tmp_path.iterdir()] == [graph_key(bundle)]


def test_another_input_or_network_is_another_graph(toy_bundle: Path) -> None:
    bundle = read_bundle(toy_bundle)
    keys = {graph_key(bundle)}
    for changed in (
        {"architecture": Architecture(name="test_efficientnet", outputs=2)},
        {"preprocessing": Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.2, 0.5, 0.5))},
        {"weights_sha256": "0" * 64},
    ):
        card = bundle.card.model_copy(update=changed)
        keys.add(graph_key(Bundle(bundle.folder, card, bundle.safetensors, bundle.golden_images)))
    assert len(keys) == 4


WATCHED_RUN = """
import sys
told = []
sys.addaudithook(lambda event, _: told.append(event) if event.startswith("socket.") else None)
from core.__main__ import main
status = main(sys.argv[1:])
names = ("torch", "timm", "pandas", "scipy.optimize", "streamlit")
names += ("openvino_telemetry", "huggingface_hub")
loaded = [name for name in names if sys.modules.get(name)]
print(status, "loaded:", *loaded, "sockets:", *told)
"""


@pytest.mark.parametrize("command", ["score", "card"])
def test_scoring_loads_no_pytorch_and_opens_no_connection(
    toy_classifier: Classifier, tmp_path: Path, command: str
) -> None:
    write_patches(tmp_path / "patches", 3)
    folder = str(toy_classifier.bundle.folder)
    given = {
        "score": (str(tmp_path / "patches"), "--out", str(tmp_path / "s.csv"), "--model", folder),
        "card": ("--model", folder),
    }[command]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_RUN, command, *given],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.splitlines()[-1] == "0 loaded: sockets:"
