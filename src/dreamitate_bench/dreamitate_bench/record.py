"""`dreamitate bench record`: two cameras and an arm are recorded; what was sent, what arrived, what is in the bag."""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dreamitate.commands.options import positive
from dreamitate.run_folder import write_json

DESCRIPTION = "Whether the recorder keeps up: two cameras and an arm, message for message."
_SENT_AT_MOST_LOST = 0.01
_CAMERAS = ("/camera_1/color/image_raw", "/camera_2/color/image_raw")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--seconds", type=positive, default=60, help="how long (default 60)")
    parser.add_argument("--width", type=positive, default=1280, help="of the images (default 1280)")
    parser.add_argument("--height", type=positive, default=720, help="of the images (default 720)")
    parser.add_argument("--rate", type=float, default=30.0, help="of the cameras, Hz (default 30)")
    parser.add_argument("--compression", default="none", help="none, lz4 or zstd (default none)")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench/record"), help="where the bag goes")
    parser.add_argument("--keep", action="store_true", help="keep the bag")
    parser.add_argument("--out", type=Path, default=Path("runs/bench/record.json"), help="the report")


def run(options: argparse.Namespace) -> int:
    """Record, read back with both readers, print the table, write the report. 1: something was not as it should be."""
    from dreamitate import provenance
    from dreamitate.domain import DOMAIN, held_domain
    from dreamitate.ros_environment import ros_environment

    environment = ros_environment()
    shutil.rmtree(options.folder, ignore_errors=True)
    with held_domain(environment) as domain:
        environment[DOMAIN] = str(domain)
        processes = [subprocess.Popen(_source(options, number), env=environment) for number in (1, 2, 0)]
        try:
            began_s, began_cpu_s = time.monotonic(), _cpu_s()
            recorder = subprocess.run(_recorder(options), env=environment, stdin=subprocess.DEVNULL, check=False)
            took_s, cpu_s = time.monotonic() - began_s, _cpu_s() - began_cpu_s
        finally:
            for process in processes:
                process.kill()
                process.wait()
    bag = options.folder / "bench_001"
    found = read_back(bag)
    report: dict[str, Any] = {
        **found,
        "recorder_exit_code": recorder.returncode,
        "recorder_cpu_s": cpu_s,
        "recorder_s": took_s,
        "load_average": list(os.getloadavg()),
        "settings": {
            key: str(value) for key, value in vars(options).items() if isinstance(value, (int, float, str, Path))
        },
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git_revision": provenance.git_revision(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, report)
    if not options.keep:
        shutil.rmtree(options.folder)
    print(f"report: {options.out}")
    print(_last_line(report))
    return 0 if report["whole"] and report["missing_share"] <= _SENT_AT_MOST_LOST else 1


def read_back(bag: Path) -> dict[str, Any]:
    """Return what both readers find in the bag, and how many images are missing by the images' own count."""
    from mcap_ros2.reader import read_ros2_messages
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.EMPTY)
    counts: dict[str, int] = {}
    numbers: dict[str, list[int]] = {topic: [] for topic in _CAMERAS}
    with Reader(bag) as reader:
        for connection in reader.connections:
            store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        hashes = {c.msgtype: c.digest == store.hash_rihs01(c.msgtype) for c in reader.connections}
        expected = reader.message_count
        for connection, _, raw in reader.messages():
            counts[connection.topic] = counts.get(connection.topic, 0) + 1
            if connection.topic in numbers:
                length = int.from_bytes(raw[12:16], "little")
                numbers[connection.topic].append(int(bytes(raw[16 : 15 + length])))
    second = sum(1 for _ in read_ros2_messages(bag / f"{bag.name}.mcap"))
    missing = {topic: (seen[-1] - seen[0] + 1) - len(seen) for topic, seen in numbers.items()}
    sent = sum(seen[-1] - seen[0] + 1 for seen in numbers.values())
    return {
        "counts": counts,
        "rosbags_messages": sum(counts.values()),
        "mcap_ros2_messages": second,
        "whole": sum(counts.values()) == second == expected and all(hashes.values()),
        "type_hashes_right": hashes,
        "images_sent": sent,
        "images_missing": missing,
        "missing_share": sum(missing.values()) / sent,
    }


def _source(options: argparse.Namespace, number: int) -> list[str]:
    line = [sys.executable, "-m", "dreamitate_bench.sources_node", "--camera", str(number)]
    return [*line, "--width", str(options.width), "--height", str(options.height), "--rate", str(options.rate)]


def _recorder(options: argparse.Namespace) -> list[str]:
    values = {
        "out": str(options.folder.resolve()),
        "name": "bench",
        "seconds": float(options.seconds),
        "compression": options.compression,
        "camera_wait_s": 60.0,
    }
    line = [sys.executable, "-m", "dreamitate_data.record_session_node", "--ros-args"]
    return [*line, *(word for name, value in values.items() for word in ("-p", f"{name}:={value}"))]


def _cpu_s() -> float:
    """Return the processor time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last_line(report: dict[str, Any]) -> str:
    whole = "the bag is whole" if report["whole"] else "THE BAG IS NOT WHOLE"
    return (
        f"record: {report['images_sent']} images sent, {sum(report['images_missing'].values())} missing "
        f"({report['missing_share']:.2%}); {whole}; "
        f"recorder used {report['recorder_cpu_s'] / report['recorder_s']:.2f} cores"
    )
