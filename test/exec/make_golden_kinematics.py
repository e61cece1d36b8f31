"""Makes golden_kinematics.json: flange poses by the arms' public models, to hold our own URDFs against.

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

if __name__ == "__main__":
    table = {}
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
    Path(__file__).with_name("golden_kinematics.json").write_text(json.dumps(table) + "\n")
