"""From a tracked tool path to a checked, timed joint trajectory, and what stops the arm."""
