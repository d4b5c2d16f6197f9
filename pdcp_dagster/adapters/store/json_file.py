"""JSON objects in files, whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the object that a file holds, None where there is no file; `StoreError` where it holds anything else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict):
        raise StoreError(f"{path} is damaged: it holds no object")
    return document


def write_object(path: Path, document: Mapping[str, Any]) -> None:
    """Write an object, whole or not at all."""
    write_bytes(path, object_bytes(document))


def object_bytes(document: Mapping[str, Any]) -> bytes:
    """Return an object as it is written; ValueError or TypeError for what JSON cannot hold."""
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"
