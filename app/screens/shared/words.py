"""What several pages say."""

from typing import Final

NOTICE: Final = "Research software, not a medical device. Nothing shown here is a diagnosis."
NOT_HERE: Final = (
    "This {what} is not in your workspace. It was deleted, or it belongs to someone else."
)
LEADS_WITHOUT_LOGIN: Final = (
    "This installation names leads, but has no login, so anyone could type a lead's name. Until "
    "the operator sets up a login, no one is a lead and no threshold can be locked."
)
SIGN_IN: Final = (
    "Sign in.",
    "This installation asks who you are. Signing in takes you to the Overview; if you followed a "
    "link, open it again. If you see this page again, the sign-in failed: try once more, then tell "
    "whoever runs NodeLens.",
)
SIGN_IN_BROKEN: Final = "Sign-in is not set up correctly: {why} Tell whoever runs NodeLens."
NOT_SIGNED_IN: Final = (
    "Not signed in.",
    "The login in front of this installation did not say who you are. Open NodeLens at its usual "
    "address and sign in there.",
)
NO_MODEL: Final = (
    "Scoring needs a model that has passed its self-test. The operator of this installation sets "
    "the model's folder in NODELENS_MODEL and its device in NODELENS_DEVICE, then restarts the "
    "app. You can still read earlier results."
)
CANNOT_USE: Final = (
    "{part} cannot be used: {why}. Tell whoever runs NodeLens; "
    "`python -m core doctor` says what is wrong."
)
KEPT_DAYS: Final = (
    "This installation deletes a batch, with its files and scores, {days} days after anyone last "
    "worked on it, or some time later. Download what you want to keep."
)
FOLDER: Final = (
    "Choose a folder; subfolders are included. Dropping files here works for a few hundred only. "
    "Files that are not patches are listed too."
)
FILES: Final = (
    "Single images (.tif, .png, .jpg, .bmp, .webp), or one ZIP for thousands of patches. "
    "Limit: {files:,} files and {mib:,} MiB per upload."
)
SERVER: Final = (
    "A folder, ZIP, PCam .h5 file or CSV of paths, read where it is. Allowed folders: {roots}"
)
SAMPLES: Final = (
    "24 patches drawn by a computer program. They imitate H&E-stained lymph node so that you can "
    "try every page. They are not tissue, come from no patient, and their scores say nothing about "
    "real patches."
)
SEEN_BY_BROWSER: Final = "Only this browser can see them"
SEEN_BY_YOU: Final = "Only you can see them"
CENTRE_ONLY: Final = (
    "The score refers only to the outlined centre "
    "(32\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}32\N{NO-BREAK SPACE}px)."
)
WHO: Final = (
    "Who is reading?",
    "Every verdict is recorded under a name. Nobody checks the name you type.",
)
BAD_NAME: Final = "Enter a name with visible characters."
LOOKING: Final = "Checking the input … {done:,} read"
STOPPING_LOOK: Final = "Stopping …"
ADD_LABELS: Final = "Labels, CSV"
COLUMNS: Final = {
    "id": "File name or ID",
    "label": "Label",
    "score": "Score",
    "slide": "Slide",
    "split": "Split",
}
OPTIONAL: Final = " (optional)"
NO_COLUMN: Final = "none"
COLUMN_TWICE: Final = "One column is chosen twice. Choose another one, or “none”."
LABEL_COLUMNS: Final = (
    "The columns of this table have other names. Say which column contains what, then use them."
)
USE_COLUMNS: Final = "Use these columns"
USED_HERE: Final = "the model is used here at {version}, threshold {threshold:.4f}"
NOT_USED_HERE: Final = "the model is not to be used here"
LATEST_DECISION: Final = "Latest decision: {decision}."
MAP_HELP: Final = (
    "Grad-CAM: where the network's last layers find evidence for tumour. Yellow is the most; the "
    "line marks half of it."
)
MAP_OTHER_MODEL: Final = (
    "This {what} was scored by a different model; a map would explain a different score."
)
UNLIKE: Final = "unlike the training data"
HERE: Final = "Does it work here?"
APPLY: Final = "Apply {version} to this batch"
APPLY_HELP: Final = (
    "The scores stay; only the calls change. Each row names the version that made its call."
)
NAME_NEEDED: Final = "Enter your name: the record shows who decided."
