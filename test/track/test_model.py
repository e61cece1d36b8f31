import numpy as np
import pytest
import trimesh

from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool, load_tool
from dreamitate_track.model import make_model, simplified


def tool_of(mesh: trimesh.Trimesh) -> Tool:
    return Tool("thing", mesh, None, np.eye(4), np.zeros(3), {})


def test_body_frame_is_in_the_middle_of_the_mesh() -> None:
    box = trimesh.creation.box((0.1, 0.04, 0.02))
    box.apply_translation((0.3, -0.2, 0.1))
    model = make_model(tool_of(box))
    np.testing.assert_allclose(model.transform_body_to_tool[:3, 3], (0.3, -0.2, 0.1), atol=1e-12)
    np.testing.assert_allclose(model.vertices.min(axis=0), (-0.05, -0.02, -0.01), atol=1e-12)
    assert model.radius == pytest.approx(np.linalg.norm((0.05, 0.02, 0.01)))


def test_faces_of_the_brush_bear_the_colours_that_cover_most_of_it() -> None:
    model = make_model(load_tool("brush"))
    assert 3 <= model.labels <= 4
    assert set(np.unique(model.face_label)) == set(range(model.labels))


def test_simplified_keeps_size_and_labels() -> None:
    model = make_model(load_tool("brush"))
    light = simplified(model, 0.006)
    assert len(light.faces) < 0.7 * len(model.faces)
    assert set(np.unique(light.face_label)) == set(np.unique(model.face_label))
    np.testing.assert_allclose(np.ptp(light.vertices, axis=0), np.ptp(model.vertices, axis=0), atol=0.006)


@pytest.mark.parametrize("scale", [1000.0, 0.01])
def test_a_mesh_in_the_wrong_units_is_refused_by_name(scale: float) -> None:
    with pytest.raises(DreamitateError, match=r"thing.*metres"):
        make_model(tool_of(trimesh.creation.box((0.1 * scale, 0.04 * scale, 0.02 * scale))))


def test_empty_and_infinite_meshes_are_refused() -> None:
    with pytest.raises(DreamitateError, match="empty"):
        make_model(tool_of(trimesh.Trimesh()))
    broken = trimesh.creation.box((0.1, 0.1, 0.1))
    broken.vertices[0] = np.nan
    with pytest.raises(DreamitateError, match="not finite"):
        make_model(tool_of(broken))
