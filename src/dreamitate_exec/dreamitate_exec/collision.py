"""What the arm and its tool must not touch: the table, the cameras, and themselves."""

from dataclasses import dataclass
from itertools import combinations

import coal
import numpy as np
import pinocchio as pin
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.robot import Robot
from dreamitate_core.tool import Tool

Array = NDArray[np.float64]

FIXTURE_CLEARANCE_M = 0.010
SELF_CLEARANCE_M = 0.005
TIP_PENETRATION_M = 0.001
"""The tool works on the table: its lowest point may be this much below the table top before it counts as contact."""
TOOL = "tool"
CAMERA_BOX_M = np.array([0.12, 0.06, 0.06])
"""A D435i (90 x 25 x 25 mm) with its clamp, in the camera's optical axes."""


@dataclass(frozen=True)
class Contact:
    """Two things nearer than allowed, at the index of a configuration."""

    index: int
    names: tuple[str, str]

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.names[0]} touches {self.names[1]}"


class CollisionWorld:
    """An arm with its tool among fixed things, in the arm's base frame. table_height_m: of the table that counts."""

    def __init__(
        self,
        robot: Robot,
        tool: Tool,
        transform_base_to_table: Array,
        rig: StereoRig | None,
        table_height_m: float = 0.0,
    ) -> None:
        self._model, self._geometry = _arm_geometry(robot, tool)
        self.arm_shapes: list[pin.GeometryObject] = list(self._geometry.geometryObjects)
        self._data = self._model.createData()
        self._others = [TOOL]
        links = [item.name for item in self._geometry.geometryObjects if item.name != TOOL]
        self._clearance: list[float] = []
        for first, second in combinations(links, 2):
            if self._joint_of(first) != self._joint_of(second):
                self._pair(first, second, SELF_CLEARANCE_M)
        pin.removeCollisionPairs(self._model, self._geometry, str(robot.srdf))
        self._clearance = [SELF_CLEARANCE_M] * len(self._geometry.collisionPairs)
        for name in links:
            if self._joint_of(name) < robot.dof - 1:  # the last two links lie behind the flange's plane, whatever turns
                self._pair(TOOL, name, SELF_CLEARANCE_M)
        # The base, and what only turns on it, stay where they are above the table.
        movers = [name for name in links if self._joint_of(name) > 1]
        self._add_fixtures(transform_base_to_table, rig, movers, table_height_m)
        self._geometry_data = self._geometry.createData()
        for request, clearance in zip(self._geometry_data.collisionRequests, self._clearance, strict=True):
            request.security_margin = clearance
            request.num_max_contacts = 1

    def first_contact(self, positions: Array) -> Contact | None:
        """Return the first contact along joint positions (N, dof), or None."""
        for index, position in enumerate(positions):
            if pin.computeCollisions(self._model, self._data, self._geometry, self._geometry_data, position, True):
                return Contact(index, self._names_in_contact())
        return None

    def clearance_m(self, positions: Array) -> float:
        """Return the smallest distance along joint positions (N, dof), the tool above the table left out."""
        kept = [k for k, clearance in enumerate(self._clearance) if clearance > 0]
        smallest = np.inf
        for position in positions:
            pin.computeDistances(self._model, self._data, self._geometry, self._geometry_data, position)
            smallest = min(smallest, *(self._geometry_data.distanceResults[k].min_distance for k in kept))
        return float(smallest)

    def _add_fixtures(
        self, transform_base_to_table: Array, rig: StereoRig | None, movers: list[str], table_height_m: float
    ) -> None:
        transform_table_to_base = se3.inverse(transform_base_to_table)
        up = transform_table_to_base[:3, 2]
        table = coal.Halfspace(up, float(up @ transform_table_to_base[:3, 3]) + table_height_m)
        self._add("table", 0, pin.SE3.Identity(), table)
        for name in movers:
            self._pair(name, "table", FIXTURE_CLEARANCE_M)
        self._pair(TOOL, "table", -TIP_PENETRATION_M)
        if rig is None or rig.transform_reference_to_table is None:
            return
        for number, camera in enumerate(rig.cameras, start=1):
            place = transform_table_to_base @ rig.transform_reference_to_table @ camera.transform_camera_to_reference
            self._add(f"camera_{number}", 0, pin.SE3(place), coal.Box(*CAMERA_BOX_M))
            for name in [*movers, TOOL]:
                self._pair(name, f"camera_{number}", FIXTURE_CLEARANCE_M)

    def _add(self, name: str, joint: int, placement: pin.SE3, shape: coal.CollisionGeometry) -> None:
        self._geometry.addGeometryObject(pin.GeometryObject(name, joint, placement, shape))
        self._others.append(name)

    def _pair(self, first: str, second: str, clearance_m: float) -> None:
        ids = self._geometry.getGeometryId(first), self._geometry.getGeometryId(second)
        self._geometry.addCollisionPair(pin.CollisionPair(*ids))
        self._clearance.append(clearance_m)

    def _joint_of(self, name: str) -> int:
        return int(self._geometry.geometryObjects[self._geometry.getGeometryId(name)].parentJoint)

    def name_of(self, item: pin.GeometryObject) -> str:
        """Return the name for people: the link of a capsule, the tool, or the fixture."""
        return str(item.name if item.name in self._others else item.name.rsplit("_", 1)[0])

    def _names_in_contact(self) -> tuple[str, str]:
        for k, pair in enumerate(self._geometry.collisionPairs):
            if self._geometry_data.collisionResults[k].isCollision():
                items = self._geometry.geometryObjects
                return self.name_of(items[pair.first]), self.name_of(items[pair.second])
        raise AssertionError("no contact was recorded")


def _arm_geometry(robot: Robot, tool: Tool) -> tuple[pin.Model, pin.GeometryModel]:
    """Return an arm's model, and its capsules and its tool's hull (named TOOL, the last) without any pairs."""
    model = pin.buildModelFromUrdf(str(robot.urdf))
    geometry = pin.buildGeomFromUrdf(model, str(robot.urdf), pin.GeometryType.COLLISION)
    for item in geometry.geometryObjects:
        if isinstance(item.geometry, coal.Cylinder):  # our URDFs' cylinders are the cores of capsules
            item.geometry = coal.Capsule(item.geometry.radius, 2 * item.geometry.halfLength)
    flange = model.frames[model.getFrameId(robot.flange_frame)]
    mount = flange.placement * pin.SE3(tool.transform_tool_to_flange)
    geometry.addGeometryObject(pin.GeometryObject(TOOL, flange.parentJoint, mount, _hull(tool)))
    return model, geometry


def _hull(tool: Tool) -> coal.CollisionGeometry:
    """Return the tool's convex hull."""
    points = coal.StdVec_Vec3s()
    for vertex in tool.mesh.convex_hull.vertices:
        points.append(np.asarray(vertex, float))
    return coal.ConvexBase.convexHull(points, True, "Qt")
