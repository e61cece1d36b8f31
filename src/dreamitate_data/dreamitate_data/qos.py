"""With which quality of service to listen, so that what a publisher sends arrives: never more than it offers."""

from collections.abc import Iterable

from .bag_metadata import Offered

LARGE = "sensor_msgs/msg/Image"
_LARGE_DEPTH, _DEPTH = 150, 2000
"""Messages that may wait while the machine stalls: five seconds of a camera; much of what is small."""


def adapted(offers: Iterable[Offered]) -> Offered | None:
    """Return what suits all publishers of a topic: reliable or latched only if all are; None: no offer."""
    found = list(offers)
    if not found:
        return None
    return Offered(
        reliable=all(offer.reliable for offer in found),
        latched=all(offer.latched for offer in found),
        depth=max(offer.depth for offer in found),
    )


def depth(type_name: str) -> int:
    """Return how many messages of a type may wait until they are taken."""
    return _LARGE_DEPTH if type_name == LARGE else _DEPTH
