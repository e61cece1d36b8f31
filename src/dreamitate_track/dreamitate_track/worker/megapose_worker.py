"""Poses by the user's own MegaPose or HappyPose: requests come in on standard input, answers go out on standard output.

Run by the user's Python, as a script. HappyPose (github.com/agimus-project/happypose) is preferred to MegaPose
(github.com/megapose6d/megapose6d) where both are there: it also runs without CUDA.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import wire

LIBRARIES = (
    ("happypose", "happypose.toolbox", "happypose.pose_estimators.megapose.config"),
    ("megapose", "megapose", "megapose.config"),
)
"""Name, where datasets/, inference/ and utils/ are, and the module that knows the data folder."""


class RefusedError(Exception):
    """A request that cannot be met; what the user can do about it."""


class Library:
    """The modules of HappyPose or MegaPose that are called."""

    def __init__(self) -> None:
        os.environ.setdefault("CONDA_PREFIX", sys.prefix)  # MegaPose reads it at import
        found = [library for library in LIBRARIES if importlib.util.find_spec(library[0]) is not None]
        if not found:
            raise RefusedError(f"{sys.executable} has neither happypose nor megapose")
        self.name, self._root, config = found[0]
        importlib.import_module(self.name)
        try:
            self.data = Path(importlib.import_module(config).LOCAL_DATA_DIR)
        except AssertionError:
            variable = "HAPPYPOSE_DATA_DIR" if self.name == "happypose" else "MEGAPOSE_DATA_DIR"
            raise RefusedError(f"{self.name} finds no data folder; set {variable} to it") from None
        self.objects = self._module("datasets.object_dataset")
        self.models = self._module("utils.load_model")
        self.observation = self._module("inference.types").ObservationTensor
        self.collection = self._module("utils.tensor_collection").PandasTensorCollection

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{self._root}.{name}")

    def check_weights(self, model: str) -> None:
        """Raise RefusedError where the model is not known or its weights are not there."""
        known = self.models.NAMED_MODELS
        if model not in known:
            raise RefusedError(f"{self.name} has no model {model!r}; it has {', '.join(known)}")
        if known[model]["requires_depth"]:
            raise RefusedError(f"the model {model!r} needs depth, which dreams do not have; use one of RGB")
        for role in ("coarse_run_id", "refiner_run_id"):
            folder = self.data / "megapose-models" / known[model][role]
            for file in ("config.yaml", "checkpoint.pth.tar"):
                if not (folder / file).is_file():
                    raise RefusedError(f"the weights {folder / file} are missing; download the megapose models")


class Estimator:
    """A loaded model with the tools' meshes."""

    def __init__(self, library: Library, model: str, meshes: list[list[str]]) -> None:
        library.check_weights(model)
        import torch

        self._library = library
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if library.name == "megapose" and self._device == "cpu":
            raise RefusedError("megapose needs CUDA, and torch sees none; use happypose")
        rigid = [
            library.objects.RigidObject(label=label, mesh_path=Path(path), mesh_units="m") for label, path in meshes
        ]
        dataset = library.objects.RigidObjectDataset(rigid)
        self._estimator = library.models.load_named_model(model, dataset, n_workers=1).to(self._device)
        self._parameters = library.models.NAMED_MODELS[model]["inference_parameters"]

    def detect(self, arrays: dict[str, np.ndarray], labels: list[str]) -> dict[str, np.ndarray]:
        """Return all refined hypotheses of the tools `labels` in the boxes `boxes` (N, 4) of `image`."""
        import pandas
        import torch

        infos = pandas.DataFrame(
            {"label": labels, "batch_im_id": [0] * len(labels), "instance_id": list(range(len(labels)))}
        )
        boxes = torch.as_tensor(arrays["boxes"].copy()).float()
        detections = self._library.collection(infos=infos, bboxes=boxes).to(self._device)
        _, extra = self._estimator.run_inference_pipeline(self._seen(arrays), detections=detections, **self._parameters)
        return _answer(extra["scoring"]["preds"])

    def refine(self, arrays: dict[str, np.ndarray], labels: list[str]) -> dict[str, np.ndarray]:
        """Return the poses `poses` (N, 4, 4) refined on `image`, with their scores."""
        import pandas
        import torch

        infos = pandas.DataFrame(
            {
                "label": labels,
                "batch_im_id": [0] * len(labels),
                "instance_id": list(range(len(labels))),
                "hypothesis_id": [0] * len(labels),
            }
        )
        poses = torch.as_tensor(arrays["poses"].copy()).float()
        estimates = self._library.collection(infos=infos, poses=poses).to(self._device)
        iterations = self._parameters["n_refiner_iterations"]
        _, extra = self._estimator.run_inference_pipeline(
            self._seen(arrays), coarse_estimates=estimates, n_refiner_iterations=iterations
        )
        return _answer(extra["scoring"]["preds"])

    def _seen(self, arrays: dict[str, np.ndarray]) -> Any:
        observation = self._library.observation.from_numpy(arrays["image"].copy(), None, arrays["K"].copy())
        return observation.cuda() if self._device == "cuda" else observation


def _answer(estimates: Any) -> dict[str, np.ndarray]:
    """Return poses (N, 4, 4) tool to camera, scores (N,), and owner (N,): which of the asked each belongs to."""
    return {
        "poses": estimates.poses.detach().cpu().numpy().astype(np.float64),
        "scores": np.asarray(estimates.infos["pose_score"].tolist(), np.float64),
        "owner": np.asarray(estimates.infos["instance_id"].tolist(), np.int64),
    }


def main() -> None:
    """Answer requests until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to standard error
    requests = sys.stdin.buffer
    estimator: Estimator | None = None
    while True:
        try:
            header, arrays = wire.receive(requests)
        except wire.ClosedError:
            return
        try:
            if header["do"] == "load":
                library = Library()
                estimator = Estimator(library, header["model"], header["meshes"])
                wire.send(answers, {"library": library.name})
            elif estimator is not None:
                work = estimator.detect if header["do"] == "detect" else estimator.refine
                wire.send(answers, {}, **work(arrays, header["labels"]))
        except RefusedError as refused:
            wire.send(answers, {"refused": str(refused)})
        except Exception as error:  # whatever the library raises is told, and ends nothing here
            traceback.print_exc()
            wire.send(answers, {"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
