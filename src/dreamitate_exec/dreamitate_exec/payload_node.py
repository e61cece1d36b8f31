"""Tells the arm's controller, through its driver's service, how heavy the tool is."""

import threading
from importlib import import_module
from typing import Any

from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot
from dreamitate_core.tool import Tool

from .payload import fill_request, refusal


def set_payload(node: Any, robot: Robot, tool: Tool, limit_s: float) -> None:
    """Set the payload. Raises DreamitateError where the service is not there or does not take it."""
    words = robot.settings["driver"]["real"]["payload"]
    package, _, kind = str(words["type"]).split("/")
    try:
        service = getattr(import_module(f"{package}.srv"), kind)
    except ImportError:
        raise DreamitateError(
            f"The {robot.name}'s payload needs the ROS package {package}, which is not here."
        ) from None
    client = node.create_client(service, str(words["service"]), callback_group=node.free)
    if not client.wait_for_service(limit_s):
        raise DreamitateError(f"Nobody serves {words['service']} after {limit_s:g} s. Does the arm's driver run?")
    answered = threading.Event()
    future = client.call_async(fill_request(service.Request(), tool, words))
    future.add_done_callback(lambda _: answered.set())
    if not answered.wait(limit_s):
        raise DreamitateError(f"{words['service']} did not answer within {limit_s:g} s.")
    why = refusal(future.result())
    if why:
        raise DreamitateError(f"The arm's controller did not take the payload of the {tool.name}: {why}.")
