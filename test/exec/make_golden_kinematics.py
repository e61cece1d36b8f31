"""Makes what our own URDFs are held against, from the arms' public models: golden_kinematics.json, flange poses, and
the audit's public_arms.json, the placements of joints.

Needs `pip install example-robot-data` (131 MB, BSD-3-Clause); run with the folder that holds its `robots` folder:
python test/exec/make_golden_kinematics.py .venv/lib/python3.11/site-packages/cmeel.prefix/share/example-robot-data
"""

import json
import sys
from pathlib import Path

import numpy as np
import pinocchio as pin

MODELS = {
    "ur5": ("robots/ur_description/urdf/ur5_robot.urdf", "tool0"),
    "xarm7": ("robots/xarm_description/urdf/xarm7.urdf", "link7"),
}
CONFIGURATIONS = 40
AXES = {
    "JointModelRX": np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]]),
    "JointModelRY": np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]),
    "JointModelRZ": np.eye(4),
}
"""Turns whose z axis is the joint's."""
AUDIT = Path(__file__).parents[2] / "src/dreamitate_bench/dreamitate_bench/public_arms.json"

if __name__ == "__main__":
    table, audit = {}, {}
    for name, (urdf, flange) in MODELS.items():
        model = pin.buildModelFromUrdf(str(Path(sys.argv[1]) / urdf))
        data = model.createData()
        positions = np.random.default_rng(0).uniform(-3.0, 3.0, (CONFIGURATIONS, model.nq)).round(6)
        poses = []
        for position in positions:
            pin.framesForwardKinematics(model, data, position)
            poses.append(data.oMf[model.getFrameId(flange)].homogeneous[:3].round(9).tolist())
        table[name] = {
            "position": positions.tolist(),
            "transform_flange_to_base": poses,
            "lower": model.lowerPositionLimit.tolist(),
            "upper": model.upperPositionLimit.tolist(),
            "velocity": model.velocityLimit.tolist(),
        }
        flange_to_last = model.frames[model.getFrameId(flange)].placement.homogeneous
        turns = [np.eye(4)] + [AXES[joint.shortname()] for joint in list(model.joints)[1:]]
        placements = [placement.homogeneous for placement in list(model.jointPlacements)[1:]]
        audit[name] = {
            "placements": [
                (before.T @ placement @ after).tolist()
                for before, placement, after in zip(turns[:-1], placements, turns[1:], strict=True)
            ],
            "transform_flange_to_last": (turns[-1].T @ flange_to_last).tolist(),
        }
    AUDIT.write_text(json.dumps(audit) + "\n")
    Path(__file__).with_name("golden_kinematics.json").write_text(json.dumps(table) + "\n")
