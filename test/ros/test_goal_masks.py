"""Goal masks as messages, and what the generator node says where one does not come."""

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_gen.generator_node import GOALS, GeneratorNode
from dreamitate_gen.interface import INTERFACE as GENERATOR
from dreamitate_ros.messages import fill_mask, read_mask
from dreamitate_sim.interface import INTERFACE as SIM

MASK = np.zeros((36, 64), np.uint8)
MASK[10:20, 30:50] = 255


def message() -> Any:
    return fill_mask(Image(), MASK, "camera_1_color_optical_frame", 1)


def find_goal(masks: dict[str, Any]) -> Any:
    """Ask the node's own method, with a goal that waits for nothing."""
    node: Any = SimpleNamespace(
        _masks=masks, _came=threading.Condition(), _task=load_task("push_shape"), value=lambda _: 0.0
    )
    goal: Any = SimpleNamespace(wait=lambda _, done, __: done())
    return GeneratorNode._find_goal(node, goal)


def test_a_mask_survives_its_message() -> None:
    np.testing.assert_array_equal(read_mask(message()), MASK)


def test_another_encoding_or_too_little_data_is_named() -> None:
    wrong = message()
    wrong.encoding = "rgb8"
    with pytest.raises(DreamitateError, match="'rgb8'; it must be mono8"):
        read_mask(wrong)
    short = message()
    short.data = short.data[:100]
    with pytest.raises(DreamitateError, match="64x36 holds only 100 bytes"):
        read_mask(short)


def test_the_generator_takes_both_masks_and_names_the_one_that_is_missing() -> None:
    one, two = find_goal({name: message() for name in GOALS})
    np.testing.assert_array_equal(one, MASK)
    np.testing.assert_array_equal(two, MASK)
    with pytest.raises(DreamitateError, match="No goal mask came on goal/view_2/mask") as error:
        find_goal({GOALS[0]: message()})
    assert "\n" not in str(error.value)


def test_who_gives_masks_and_who_takes_them_agree() -> None:
    (given,) = (topic for topic in SIM.publishes if topic.name.startswith("goal"))
    (taken,) = (topic for topic in GENERATOR.subscribes if topic.name.startswith("goal"))
    assert (given.names(), given.type, given.qos) == (list(GOALS), taken.type, taken.qos)
