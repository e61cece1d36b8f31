"""What an arm's controller has to know of the tool's weight, in the words of its driver's service."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool


def payload(tool: Tool) -> tuple[float, NDArray[np.float64]]:
    """Return a tool's mass in kg and its centre (3,) in metres in the flange's frame, its shape taken as solid.

    Raises DreamitateError where its tool.yaml does not say how heavy it is.
    """
    mass_kg = float(tool.settings.get("mass_kg", 0.0))
    if mass_kg <= 0.0:
        raise DreamitateError(f"config/tools/{tool.name}/tool.yaml lacks mass_kg; the arm's controller has to know it.")
    centre = np.asarray(tool.mesh.convex_hull.center_mass, float)
    return mass_kg, se3.transform_points(tool.transform_tool_to_flange, centre[None])[0]


def fill_request(request: Any, tool: Tool, words: Mapping[str, Any]) -> Any:
    """Fill in and return a driver's request. words: the section `payload` of robot.yaml: its fields and its unit."""
    mass_kg, centre_m = payload(tool)
    centre = [float(value) for value in centre_m / float(words["unit_m"])]
    setattr(request, str(words["mass"]), mass_kg)
    field = getattr(request, str(words["centre"]))
    if hasattr(field, "x"):
        field.x, field.y, field.z = centre
    else:
        setattr(request, str(words["centre"]), centre)
    return request


def refusal(response: Any) -> str:
    """Return why a driver did not take it, empty where it did: they tell by `success`, or by `ret`, 0 for success."""
    if getattr(response, "success", False) or getattr(response, "ret", -1) == 0:
        return ""
    return str(getattr(response, "message", "") or f"it answered {response}")
