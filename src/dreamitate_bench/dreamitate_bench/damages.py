"""All ways in which a clip can be damaged, pictures first: what tells them apart needs whole cameras and meshes."""

from . import damage_cameras, damage_meshes, damage_pictures, damage_ways

DAMAGES = {
    name: way
    for module in (damage_pictures, damage_cameras, damage_meshes)
    for name, way in damage_ways.DAMAGES.items()
    if way.__module__ == module.__name__
}
FATAL = {
    "view_missing",
    "cameras_together",
    "cameras_in_millimetres",
    "intrinsics_nan",
    "intrinsics_negative",
    "extrinsics_infinite",
    "extrinsics_no_rotation",
    "mesh_in_millimetres",
    "mesh_tiny",
    "mesh_empty",
    "mesh_nan",
    "mesh_skin",
    "tools_none",
    "tools_same_name",
}
"""Damages that must be refused with an error that names what is wrong."""
