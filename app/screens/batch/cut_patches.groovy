// Cuts the annotated tissue of the open slide into patches of 96 × 96 px at 0.97 µm per pixel.
// For QuPath: Automate > Script editor > Run. "Run for project" does every slide of the project.
// Patches lie edge to edge; one is written if its middle lies in an object, such as an annotation.

int patchPx = 96
double spacingUmPx = 0.97
double coarsestUmPx = 1.05 * spacingUmPx

def imageData = getCurrentImageData()
def server = imageData.getServer()
double slideUmPx = server.getPixelCalibration().getAveragedPixelSizeMicrons()
if (!Double.isFinite(slideUmPx)) {
    println 'This slide does not say how large its pixels are. Set the pixel size in the Image tab.'
    return
}
if (slideUmPx > coarsestUmPx) {
    println 'This slide was scanned too coarsely: ' + slideUmPx + ' µm per pixel.'
    return
}
double downsample = spacingUmPx / slideUmPx
if (downsample < 1.05) {
    downsample = 1 // near enough; by a factor near 1 QuPath would write some of 95 or 97 px
}
long slidePx = Math.round(patchPx * downsample)

String name = GeneralTools.stripInvalidFilenameChars(
    GeneralTools.getNameWithoutExtension(server.getMetadata().getName()))
String folder = buildFilePath(PROJECT_BASE_DIR, 'patches', name)
mkdirs(folder)
new TileExporter(imageData)
    .downsample(downsample)
    .tileSize(patchPx)
    .overlap(0)
    .includePartialTiles(false)
    .annotatedCentroidTilesOnly(true)
    .imageExtension('.png')
    .writeTiles(folder)
println 'Each patch covers ' + slidePx + ' × ' + slidePx + ' px of the slide. Written to ' + folder
