"""Find a model artifact by what a user calls it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from edgesmith.artifacts import CONTRACT_FILE, Artifact, Model
from edgesmith.errors import UserError, unknown
from edgesmith_flows.document import PipelineDocument, parse_document
from edgesmith_flows.registry import Registry
from edgesmith_flows.settings import find_pipeline
from edgesmith_flows.store import Store
from edgesmith_flows.tags import newest_run
from edgesmith_flows.yaml_source import load_yaml

HOW = "give a digest (`edgesmith cache ls`), PIPELINE:NODE, or an artifact's folder as ./FOLDER"


def find_model(text: str, store: Store, registry: Registry, pipeline: str | None = None) -> Model:
    """Return the model that `text` names.

    A folder called like a node or a digest, such as `edgesmith get` makes, is meant only if it is written as a path.

    Args:
        text: an artifact's folder; `PIPELINE:NODE` or `PIPELINE:NODE.PORT` of the pipeline's newest run; a digest, or
            the start of one; with `pipeline`, a `NODE` or `NODE.PORT` of it.
        pipeline: the pipeline that nodes without one are of.

    Raises:
        UserError: there is no such artifact, or it is no model.
    """
    home, colon, node = text.rpartition(":")
    if _is_path(text):
        return _in_folder(Path(text), registry)
    if colon and home:
        return _of_node(home, node, store, registry)
    if not _is_digest(text, store):
        if pipeline is not None:
            return _of_node(pipeline, text, store, registry)
        if text and Path(text).is_dir():
            return _in_folder(Path(text), registry)
    found = [one for one in store.artifacts() if one.startswith(text)] if text else []
    if len(found) != 1:
        which = f"{len(found)} artifacts start with" if found else "no artifact starts with"
        raise UserError(f"{which} {text!r}", hint=HOW)
    return _stored(found[0], store, registry)


def told(model: Model) -> str:
    """Say which artifact a name was found to mean: by its digest, or by its folder where it is not from a store."""
    return f"the {model.kind} artifact {model.digest[:12] or f'in {model.path}'}"


def plugins_of(pipelines: Iterable[str]) -> list[str]:
    """Return the plugin modules that pipelines name, as far as their files are found."""
    documents = filter(None, map(_document, pipelines))
    return [module for document in documents for module in document.plugins]


def pipeline_of(text: str) -> str | None:
    """Return the pipeline in `PIPELINE:NODE`, if that is what `text` is."""
    home, colon, _ = text.rpartition(":")
    return home if colon and home and not _is_path(text) else None


def _is_path(text: str) -> bool:
    """Whether a folder is there, and written so that it can be nothing else: no node's name holds a separator."""
    return (text.startswith(".") or "/" in text or os.sep in text) and Path(text).is_dir()


def _document(pipeline: str) -> PipelineDocument | None:
    try:
        return parse_document(load_yaml(find_pipeline(pipeline)))
    except UserError:
        return None


def _is_digest(text: str, store: Store) -> bool:
    return re.fullmatch(r"[0-9a-f]{6,64}", text) is not None and any(one.startswith(text) for one in store.artifacts())


def node_outputs(pipeline: str, text: str, store: Store) -> dict[str, str]:
    """Return the digests, by port, that `NODE` or `NODE.PORT` gave in the newest run of a pipeline.

    Args:
        pipeline: its name, or its file.
        text: the node; with a port, that one alone.

    Raises:
        UserError: the pipeline was never run, it has no such node or port, or the node gave nothing.
    """
    document = _document(pipeline)
    run = newest_run(store, document.name if document else pipeline)
    node, port = (text, "") if text in run.nodes else text.rpartition(".")[::2] if "." in text else (text, "")
    if node not in run.nodes:
        raise UserError(unknown("node", node, run.nodes))
    outputs = dict(run.nodes[node].get("outputs") or {})
    if not outputs:
        raise UserError(f"the node {node!r} gave nothing in the newest run of {run.pipeline}")
    if port and port not in outputs:
        raise UserError(unknown("output port", port, outputs))
    return {port: outputs[port]} if port else outputs


def _of_node(pipeline: str, text: str, store: Store, registry: Registry) -> Model:
    outputs = node_outputs(pipeline, text, store)
    models = {name: digest for name, digest in outputs.items() if _gives_model(digest, store, registry)}
    if len(outputs) > 1 and len(models) != 1:
        raise UserError(
            f"the node {text!r} gave {len(models)} models, expected one",
            hint=f"name one of its outputs, as {text}.PORT: {', '.join(sorted(outputs))}",
        )
    return _stored(next(iter((models or outputs).values())), store, registry)


def _gives_model(digest: str, store: Store, registry: Registry) -> bool:
    try:
        return issubclass(registry.kinds.get(store.manifest(digest)["kind"], Artifact), Model)
    except OSError:
        return True


def _stored(digest: str, store: Store, registry: Registry) -> Model:
    if not store.has(digest):
        raise UserError(f"the artifact {digest[:12]} is no longer in {store.root}", hint="run the pipeline again")
    return _model(store.artifact_folder(digest) / "files", store.manifest(digest)["kind"], registry, digest)


def _in_folder(folder: Path, registry: Registry) -> Model:
    """Return the model in a folder: an artifact's files, or the store's folder of an artifact."""
    manifest = folder / "manifest.json"
    if manifest.is_file() and (folder / "files").is_dir():
        return _model(folder / "files", str(json.loads(manifest.read_text(encoding="utf-8"))["kind"]), registry)
    models = [kind for kind in registry.kinds.values() if issubclass(kind, Model) and kind.main]
    found = [kind for kind in models if (folder / kind.main).exists()]
    if not found or not (folder / CONTRACT_FILE).is_file():
        raise UserError(f"there is no model artifact in {folder}", hint=HOW)
    return found[0](folder)


def _model(folder: Path, kind: str, registry: Registry, digest: str = "") -> Model:
    cls = registry.find("artifact kind", registry.kinds, kind)
    if not issubclass(cls, Model):
        raise UserError(f"the artifact in {folder} is no model: its kind is {kind}", hint=HOW)
    return cls(folder, digest)
