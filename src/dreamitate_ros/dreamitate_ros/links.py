"""The poses of an arm's links from its URDF and its joints, as /tf tells them: each link in its parent."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError

Array = NDArray[np.float64]
_TURNING = ("revolute", "continuous")


@dataclass(frozen=True)
class Joint:
    """A URDF joint. axis: (3,) unit, in the child link's frame."""

    name: str
    kind: str
    parent: str
    child: str
    transform_joint_to_parent: Array
    axis: Array

    def transform_child_to_parent(self, position: float) -> Array:
        """Return (4, 4) at a joint position in rad or m."""
        if self.kind in _TURNING:
            turned = se3.make_transform(Rotation.from_rotvec(self.axis * position).as_matrix(), np.zeros(3))
        else:
            turned = se3.make_transform(np.eye(3), self.axis * position)
        return self.transform_joint_to_parent @ turned


def read_joints(urdf: Path) -> list[Joint]:
    """Return the joints of a URDF file, in its order. Raises DreamitateError where it cannot be read."""
    try:
        root = ElementTree.parse(urdf).getroot()  # noqa: S314 - our own configuration
        return [_joint(element) for element in root.findall("joint")]
    except (OSError, ElementTree.ParseError, AttributeError, KeyError, ValueError) as error:
        raise DreamitateError(f"{urdf} cannot be read as a URDF: {error}.") from None


def link_poses(joints: list[Joint], position: Mapping[str, float]) -> list[tuple[str, str, Array]]:
    """Return (parent, child, transform_child_to_parent) of every joint; joints without a position are at zero."""
    return [
        (joint.parent, joint.child, joint.transform_child_to_parent(position.get(joint.name, 0.0))) for joint in joints
    ]


def _joint(element: ElementTree.Element) -> Joint:
    origin = element.find("origin")
    axis = element.find("axis")
    xyz = _numbers(origin.get("xyz", "0 0 0")) if origin is not None else np.zeros(3)
    rpy = _numbers(origin.get("rpy", "0 0 0")) if origin is not None else np.zeros(3)
    direction = _numbers(axis.get("xyz", "1 0 0")) if axis is not None else np.array([1.0, 0.0, 0.0])
    parent, child = element.find("parent"), element.find("child")
    if parent is None or child is None:
        raise ValueError(f"joint {element.get('name')} lacks its parent or child")
    return Joint(
        name=element.attrib["name"],
        kind=element.attrib["type"],
        parent=parent.attrib["link"],
        child=child.attrib["link"],
        transform_joint_to_parent=se3.make_transform(Rotation.from_euler("xyz", rpy).as_matrix(), xyz),
        axis=direction / np.linalg.norm(direction),
    )


def _numbers(text: str) -> Array:
    return np.array([float(part) for part in text.split()])
