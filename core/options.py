"""What each command of `python -m core` is asked to do; the fields are its options.

Nothing here loads pandas or PyTorch, so that --help does not wait for them.
"""

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from core.command_line import Whole, device, no_flag, settings
from core.settings import Device, PrecisionName

InstalledDevice = Annotated[Device, Parameter(show_default=False)]
InstalledModel = Annotated[Path, Parameter(show_default=False)]
Count = Annotated[Whole, Parameter(validator=Number(gte=1))]
MethodName = Literal[
    "replacement",
    "cam",
    "grad-cam",
    "grad-cam++",
    "hires-cam",
    "layer-cam",
    "eigen-cam",
    "score-cam",
    "ablation-cam",
]


@dataclass(frozen=True)
class ScoreOptions:
    """What `score` is asked to do.

    Attributes:
        source: Folder, .zip, PCam .h5, .csv with a column 'path', or one image.
        out: FILE.csv or FILE.parquet.
        model: Model bundle (default: NODELENS_MODEL, else the shipped one).
        tta: d4: mean logit over eight orientations; d4-near: only within the card's band around the
            threshold, where it can change the call.
        operating_point: A locked operating point (default: the model's shipped one).
        device: Where to compute (default: NODELENS_DEVICE, else a GPU where PyTorch finds one).
        precision: fast: 16-bit arithmetic if the device has it; the card says what it changed on
            the validation patches (default: NODELENS_PRECISION, else exact).
        engine: Default: OpenVINO on the processor, else PyTorch.
        batch_size: Inputs per pass (default: chosen for the engine, or that of the resumed run).
        shard: i/n: score only the i-th of n equal parts; `merge` joins them.
        cluster: Score on the Ray cluster at this address; "auto": the cluster of this machine,
            "local": this machine alone. All machines must see source and model.
        resume: Continue an interrupted run.
        kaggle: Also write a Kaggle submission to this file.
        sample_submission: Check the submission's ids against this file.
        labels: Table with id and label, slide or split of the patches, instead of the tables that
            lie beside them.
    """

    source: Path
    _: KW_ONLY
    out: Path
    model: InstalledModel = field(default_factory=lambda: settings().model_dir)
    tta: Literal["none", "d4", "d4-near"] = "none"
    operating_point: Path | None = None
    device: InstalledDevice = field(default_factory=device)
    precision: Annotated[PrecisionName, Parameter(show_default=False)] = field(
        default_factory=lambda: settings().precision
    )
    engine: Annotated[Literal["auto", "openvino", "pytorch"], Parameter(show_default=False)] = (
        "auto"
    )
    batch_size: Count | None = None
    shard: str | None = None
    cluster: str | None = None
    resume: bool = False
    kaggle: Path | None = None
    sample_submission: Path | None = None
    labels: Path | None = None


@dataclass(frozen=True)
class MergeOptions:
    """What `merge` is asked to do.

    Attributes:
        parts: Outputs of `score --shard`, each with its .run.json beside it.
        out: FILE.csv or FILE.parquet.
    """

    parts: list[Path]
    _: KW_ONLY
    out: Path


@dataclass(frozen=True)
class OnnxOptions:
    """What `export` is asked to do.

    Attributes:
        onnx: FILE.onnx to write: uint8 patches (N, 96, 96, 3) in; logits, features and, where the
            network has them, evidence maps out.
        model: Model bundle (default: NODELENS_MODEL, else the shipped one).
    """

    _: KW_ONLY
    onnx: Path
    model: InstalledModel = field(default_factory=lambda: settings().model_dir)


@dataclass(frozen=True)
class ExplainOptions:
    """What `explain` is asked to do.

    Attributes:
        source: Folder, .zip, PCam .h5, .csv with a column 'path', or one image.
        out: Folder for the pictures.
        csv: The table (default: explanations.csv in the folder).
        method: Default: grad-cam. cam is exact if the network ends in a mean and a linear layer;
            replacement measures instead of estimating, at 57 passes per patch.
        layer: Name of a layer (default: the last map).
        target: What positive values are evidence for.
        model: Model bundle (default: NODELENS_MODEL, else the shipped one).
        device: Where to compute (default: NODELENS_DEVICE, else a GPU where PyTorch finds one).
        donors: Patches without tumour, as replacement tissue for the centre test; best from the
            same laboratory (default: the drawn samples).
        quick: Maps only, untested: no centre test, no eight orientations, no control networks.
        overlays: Write the table only.
        zoom: Enlargement, 1 to 32.
        smooth: Show the cells of the map as they are.
        shared_scale: Draw all maps on one scale, so that they can be compared.
        batch_size: Inputs per pass.
    """

    source: Path
    _: KW_ONLY
    out: Path
    csv: Path | None = None
    method: MethodName | None = None
    layer: str | None = None
    target: Literal["tumour", "no-tumour"] = "tumour"
    model: InstalledModel = field(default_factory=lambda: settings().model_dir)
    device: InstalledDevice = field(default_factory=device)
    donors: Path | None = None
    quick: bool = False
    overlays: Annotated[bool, no_flag("--no-overlays")] = True
    zoom: Whole = 4
    smooth: Annotated[bool, no_flag("--no-smooth")] = True
    shared_scale: bool = False
    batch_size: Whole = 64


@dataclass(frozen=True)
class AuditOptions:
    """What `audit` is asked to do.

    Attributes:
        source: Folder (Kaggle, PCam or plain), .zip, PCam .h5, or .csv.
        out: Folder for the results.
        resume: Continue an interrupted audit.
        scores: Scores of these patches, from `score`, to find labels worth a second look.
        out_of_fold: No score comes from a model that was trained on that patch.
    """

    source: Path
    _: KW_ONLY
    out: Path
    resume: bool = False
    scores: Path | None = None
    out_of_fold: bool = False


@dataclass(frozen=True)
class VerifyOptions:
    """What `verify` is asked to do.

    Attributes:
        path: Review store, or exported log ending in .jsonl.
        anchor: End of the chain noted earlier, as N:HASH.
        anchors: File of noted anchors (default: review_anchors.txt beside the store, if there is
            one).
    """

    path: Path
    _: KW_ONLY
    anchor: str | None = None
    anchors: Path | None = None


@dataclass(frozen=True)
class ReportOptions:
    """What `report` is asked to do.

    Attributes:
        case: Id of the case, as in the page's address.
        out: PDF to write.
        data: The app's data folder (default: NODELENS_DATA_DIR, else the user's own).
        until: Leave out everything after event number N.
        pseudonymised: Hide names, files and slides.
    """

    case: str
    _: KW_ONLY
    out: Path
    data: Path | None = None
    until: Whole | None = None
    pseudonymised: bool = False


@dataclass(frozen=True)
class RegionsOptions:
    """What `regions` is asked to do.

    Attributes:
        source: Slide (SVS, NDPI, MRXS, SCN, BIF, Philips, DICOM, TIFF, PNG, JPEG), or a folder of
            slides.
        out: Folder to write into; for a folder of slides, one folder per slide.
        um_per_px: Micrometres per full-resolution pixel, if the file does not state it or is wrong.
        all_cells: Score every cell of tissue instead of coarse to fine.
        shard: i/n: of a folder, every n-th slide starting with the i-th, for n parallel machines.
        operating_point: A locked operating point (default: the model's shipped one).
        model: Model bundle (default: NODELENS_MODEL, else the shipped one).
        device: Where to compute (default: NODELENS_DEVICE, else a GPU where PyTorch finds one).
        resume: Continue an interrupted run.
    """

    source: Path
    _: KW_ONLY
    out: Path
    um_per_px: float | None = None
    all_cells: bool = False
    shard: str | None = None
    operating_point: Path | None = None
    model: InstalledModel = field(default_factory=lambda: settings().model_dir)
    device: InstalledDevice = field(default_factory=device)
    resume: bool = False
