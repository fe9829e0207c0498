import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
from huggingface_hub import ModelCardData
from torch import Tensor

from core.bundle import SIMPLE_CNN, Architecture
from core.errors import RunError
from training.runs.initial import initial_network

ARCHITECTURE = Architecture(name="test_efficientnet")


@pytest.fixture
def backbone() -> dict[str, Tensor]:
    """Weights as a package carries them: half precision, no head, no counters."""
    torch.manual_seed(7)
    network = timm.create_model(ARCHITECTURE.name, num_classes=0)
    state: dict[str, Tensor] = network.state_dict()
    return {
        name: value.half() for name, value in state.items() if "num_batches_tracked" not in name
    }


def save(folder: Path, tensors: dict[str, Tensor]) -> str:
    file = folder / "weights.safetensors"
    safetensors.torch.save_file(tensors, file)
    return str(file)


def test_a_backbone_in_half_precision_is_loaded_as_float32(
    backbone: dict[str, Tensor], tmp_path: Path
) -> None:
    network, initial = initial_network(ARCHITECTURE, save(tmp_path, backbone))
    state = network.state_dict()
    for name, value in backbone.items():
        assert state[name].dtype == torch.float32
        assert torch.equal(state[name], value.float())
    assert len(initial.sha256) == 64
    assert "weights.safetensors" in initial.description


def test_a_head_for_other_classes_is_left_out_and_the_new_one_starts_small(
    backbone: dict[str, Tensor], tmp_path: Path
) -> None:
    backbone["classifier.weight"] = torch.ones(1000, 256)
    backbone["classifier.bias"] = torch.ones(1000)
    network, _ = initial_network(ARCHITECTURE, save(tmp_path, backbone))
    assert network.get_parameter("classifier.weight").abs().max() < 0.1
    assert network.get_parameter("classifier.bias").abs().max() == 0


def test_a_head_that_fits_is_kept(backbone: dict[str, Tensor], tmp_path: Path) -> None:
    backbone["classifier.weight"] = torch.full((1, 256), 0.5)
    network, _ = initial_network(ARCHITECTURE, save(tmp_path, backbone))
    assert (network.get_parameter("classifier.weight") == 0.5).all()


def _drop(weights: dict[str, Tensor]) -> None:
    del weights["conv_stem.weight"]


def _add(weights: dict[str, Tensor]) -> None:
    weights["encoder.weight"] = torch.ones(2)


def _reshape(weights: dict[str, Tensor]) -> None:
    weights["conv_stem.weight"] = torch.ones(2)


def _break(weights: dict[str, Tensor]) -> None:
    weights["conv_stem.weight"][0] = torch.nan


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop, "lack 1"),
        (_add, "unknown to the network, 1"),
        (_reshape, "another shape 1"),
        (_break, "no numbers in 1"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    change: Callable[[dict[str, Tensor]], None],
    said: str,
    backbone: dict[str, Tensor],
    tmp_path: Path,
) -> None:
    change(backbone)
    with pytest.raises(RunError, match=said):
        initial_network(ARCHITECTURE, save(tmp_path, backbone))


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(RunError, match="can run code"):
        initial_network(ARCHITECTURE, str(file))


def test_without_the_hub_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def offline(name: str, *, pretrained: bool, **arguments: Any) -> object:  # noqa: ANN401
        if pretrained:
            raise ConnectionError("no route to host")
        return create(name, **arguments)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(RunError, match=r"--init FILE\.safetensors, .* --init none"):
        initial_network(ARCHITECTURE, "imagenet")


def test_our_own_network_has_no_imagenet_weights() -> None:
    with pytest.raises(RunError, match="no ImageNet weights of nodelens_simple_cnn"):
        initial_network(Architecture(name=SIMPLE_CNN, outputs=2), "imagenet")


def test_both_streams_of_one_kind_start_from_the_same_file(
    backbone: dict[str, Tensor], tmp_path: Path
) -> None:
    streams = ARCHITECTURE.model_copy(update={"centre_stream": ARCHITECTURE.name})
    network, initial = initial_network(streams, save(tmp_path, backbone))
    for part in ("context", "centre"):
        kernel = network.get_parameter(f"{part}.conv_stem.weight")
        assert torch.equal(kernel, backbone["conv_stem.weight"].float())
    assert "random" not in initial.description


def test_a_centre_stream_of_another_kind_starts_at_random_and_says_so(
    backbone: dict[str, Tensor], tmp_path: Path
) -> None:
    streams = ARCHITECTURE.model_copy(update={"centre_stream": "test_resnet"})
    _, initial = initial_network(streams, save(tmp_path, backbone))
    assert "the centre stream at random" in initial.description


def test_a_head_with_a_hidden_layer_and_learnt_pooling_need_no_weights(
    backbone: dict[str, Tensor], tmp_path: Path
) -> None:
    changed = ARCHITECTURE.model_copy(update={"head": "mlp", "pooling": "gem"})
    network, _ = initial_network(changed, save(tmp_path, backbone))
    assert network.get_parameter("global_pool.exponent").item() == 3.0
    # The last layer starts small, the hidden one and its normalisation do not.
    assert network.get_parameter("classifier.output.weight").abs().max() < 0.1
    assert network.get_parameter("classifier.hidden.weight").std() > 0.02
    assert (network.get_parameter("classifier.norm.weight") == 1).all()


def hub_of(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    backbone: dict[str, Tensor],
    **card: Any,  # noqa: ANN401 - the card's fields
) -> None:
    """Let the hub have one model, with these fields in its card."""
    save(folder, backbone)
    (folder / "weights.safetensors").rename(folder / "model.safetensors")
    config = {"architecture": card.pop("architecture", ARCHITECTURE.name)}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    names = card.pop("files", ("model.safetensors", "config.json"))
    info = SimpleNamespace(
        card_data=ModelCardData(**card),
        siblings=[SimpleNamespace(rfilename=name) for name in names],
        tags=[f"dataset:{one}" for one in card.get("datasets", [])],
    )
    monkeypatch.setattr(huggingface_hub, "model_info", lambda _: info)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda _, name: str(folder / name))


def test_weights_of_a_hub_come_with_their_licence(
    backbone: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_of(monkeypatch, tmp_path, backbone, license="apache-2.0", datasets=["tcga"])
    network, initial = initial_network(ARCHITECTURE, "hf-hub:somebody/network")
    assert torch.equal(
        network.state_dict()["conv_stem.weight"], backbone["conv_stem.weight"].float()
    )
    assert initial.description == "hf-hub:somebody/network, licence apache-2.0"
    assert not initial.has_seen_pcam


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", None])
def test_a_licence_that_is_not_permissive_must_be_accepted(
    licence: str | None,
    backbone: dict[str, Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub_of(monkeypatch, tmp_path, backbone, license=licence)
    with pytest.raises(RunError, match="--accept-licence"):
        initial_network(ARCHITECTURE, "hf-hub:somebody/network")
    _, initial = initial_network(ARCHITECTURE, "hf-hub:somebody/network", accept_licence=True)
    assert (licence or "not stated") in initial.description


@pytest.mark.parametrize(
    ("repository", "datasets"), [("somebody/net.pcam", []), ("x/y", ["1aurent/PatchCamelyon"])]
)
def test_weights_that_have_seen_pcam_are_marked(
    repository: str,
    datasets: list[str],
    backbone: dict[str, Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub_of(monkeypatch, tmp_path, backbone, license="mit", datasets=datasets)
    _, initial = initial_network(ARCHITECTURE, f"hf-hub:{repository}")
    assert initial.has_seen_pcam
    assert "trained on PCam or CAMELYON" in initial.description


def test_pickled_weights_and_other_networks_of_a_hub_are_refused(
    backbone: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_of(monkeypatch, tmp_path, backbone, license="mit", files=("pytorch_model.bin",))
    with pytest.raises(RunError, match="can run code"):
        initial_network(ARCHITECTURE, "hf-hub:somebody/network")
    (tmp_path / "model.safetensors").unlink()
    hub_of(monkeypatch, tmp_path, backbone, license="mit", architecture="test_resnet")
    with pytest.raises(RunError, match="--model test_resnet"):
        initial_network(ARCHITECTURE, "hf-hub:somebody/network")
