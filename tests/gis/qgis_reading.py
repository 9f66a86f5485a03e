"""What QGIS makes of the map services, told as JSON. Run by the Python that QGIS belongs to.

python3 qgis_reading.py http://127.0.0.1:8311/maps/capetown.gov.za FOLDER
"""

import json
import sys
from pathlib import Path
from urllib.request import urlretrieve

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeatureRequest,
    QgsLayerDefinition,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QEventLoop, QSize
from qgis.PyQt.QtGui import QColor

BOX = QgsRectangle(18.63, -33.92, 18.64, -33.91)
SHOWN = QgsRectangle(18.60, -33.95, 18.69, -33.88)
WEB = QgsCoordinateReferenceSystem("EPSG:3857")
QUERY = "\"status\" = 'open'"


def features(source: str, provider: str, subset: str) -> dict:
    layer = QgsVectorLayer(source, "features", provider)
    told = {"valid": layer.isValid(), "count": layer.featureCount()}
    told["read"] = sum(1 for _ in layer.getFeatures())
    told["fields"] = {field.name(): field.typeName() for field in layer.fields()}
    request = QgsFeatureRequest().setFilterRect(BOX)
    told["in_box"] = sum(1 for _ in layer.getFeatures(request))
    layer.setSubsetString(subset)
    told["subset"] = sum(1 for _ in layer.getFeatures())
    layer.setSubsetString("")
    told["drawn"] = drawn([layer])
    return told


def drawn(layers: list, path: str = "") -> int:
    """How many pixels of a picture are not white."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(WEB)
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    to_web = QgsCoordinateTransform(degrees, WEB, QgsProject.instance())
    settings.setExtent(to_web.transformBoundingBox(SHOWN))
    settings.setOutputSize(QSize(600, 500))
    settings.setBackgroundColor(QColor("white"))
    job, loop = QgsMapRendererSequentialJob(settings), QEventLoop()
    job.finished.connect(loop.quit)
    job.start()
    loop.exec_()
    image = job.renderedImage()
    if path:
        image.save(path)
    white = QColor("white").rgb()
    return sum(image.pixel(x, y) != white for x in range(600) for y in range(500))


def rasters(maps: str) -> dict:
    wms = f"crs=EPSG:3857&dpiMode=7&format=image/png&layers=requests&styles=&url={maps}/wms"
    wmts = (
        "crs=EPSG:3857&format=image/png&layers=requests&styles=light&"
        f"tileMatrixSet=WebMercatorQuad&url={maps}/wmts/1.0.0/WMTSCapabilities.xml"
    )
    told = {}
    for name, source in (("wms", wms), ("wmts", wmts)):
        layer = QgsRasterLayer(source, name, "wms")
        told[name] = {"valid": layer.isValid(), "drawn": drawn([layer])}
    return told


def vector_tiles(maps: str) -> dict:
    url = f"{maps}/tiles/requests/{{z}}/{{x}}/{{y}}.mvt"
    style = f"{maps}/styles/requests.json"
    layer = QgsVectorTileLayer(f"type=xyz&url={url}&zmin=0&zmax=16&styleUrl={style}", "tiles")
    error, _ = layer.loadDefaultStyle()
    return {"valid": layer.isValid(), "drawn": drawn([layer]), "style": error}


def definition(maps: str, folder: Path) -> dict:
    """The file with all layers, dragged into an empty project."""
    path, _ = urlretrieve(f"{maps}/qgis.qlr", folder / "all.qlr")
    project = QgsProject.instance()
    done, error = QgsLayerDefinition.loadLayerDefinition(
        str(path), project, project.layerTreeRoot()
    )
    layers = list(project.mapLayers().values())
    told = {"done": done, "error": error, "layers": len(layers)}
    told["invalid"] = [layer.name() for layer in layers if not layer.isValid()]
    shown = {layer.name(): layer for layer in layers if isinstance(layer, QgsVectorLayer)}
    order = ("Service requests", "Wards", "Requests by hexagon")
    told["drawn"] = drawn([shown[name] for name in order], str(folder / "qgis.png"))
    project.clear()
    return told


def sld(maps: str, folder: Path) -> dict:
    layer = QgsVectorLayer(f" typename='o311:hexes' url='{maps}/wfs' version='2.0.0'", "h", "WFS")
    path, _ = urlretrieve(f"{maps}/styles/hexes.sld", folder / "hexes.sld")
    message, done = layer.loadSldStyle(str(path))
    rules = layer.renderer().rootRule().children() if done else []
    return {"done": done, "message": message, "rules": len(rules), "drawn": drawn([layer])}


def main(maps: str, folder: Path) -> None:
    wfs = f" pagingEnabled='true' srsname='EPSG:4326' typename='o311:requests' url='{maps}/wfs'"
    late = "\"requested_datetime\" >= '2020-12-01T00:00:00Z'"
    told = {
        "wfs": features(f"{wfs} version='2.0.0'", "WFS", QUERY),
        "old_wfs": features(f"{wfs} version='1.1.0'", "WFS", QUERY),
        "oapif": features(f" url='{maps}' typename='requests'", "OAPIF", late),
        **rasters(maps),
        "tiles": vector_tiles(maps),
        "definition": definition(maps, folder),
        "sld": sld(maps, folder),
    }
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    main(sys.argv[1], Path(sys.argv[2]))
    application.exitQgis()
