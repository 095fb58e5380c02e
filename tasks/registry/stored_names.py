"""The names of our own types in models that were stored before the rooms of this package had their names.

skops stores a type by module and name. These names are of models registered by Keepwell until commit c9eab25; drop this
module once no champion is older than the first quarter of 2027.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MODULES: Mapping[str, str] = {
    "models.kept": "keepwell.models.training.artifact",
    "models.inputs": "keepwell.models.training.inputs",
}
"""The module of a type when it was stored, and where it is now."""
SCHEMA = "schema.json"


def read_model(file: Path) -> bytes:
    """A model as skops reads it, its types under the names of today. The file itself stays as it was registered."""
    renamed = io.BytesIO()
    with zipfile.ZipFile(file) as stored, zipfile.ZipFile(renamed, "w") as today:
        for entry in stored.infolist():
            content = stored.read(entry)
            if entry.filename == SCHEMA:
                content = json.dumps(json.loads(content, object_hook=_renamed)).encode()
            today.writestr(entry, content)
    return renamed.getvalue()


def _renamed(node: dict[str, Any]) -> dict[str, Any]:
    module = MODULES.get(str(node.get("__module__")))
    return {**node, "__module__": module} if module else node
