"""The coordinator node: one rollout, stage by stage, each one's product kept in the run's folder as it comes."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dreamitate_msgs.action import ExecuteTrajectory, GenerateVideo, Rollout, TrackTool
from dreamitate_msgs.msg import Verdict
from rclpy.action import ActionClient

from dreamitate_core.arms import load_arms
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.task import load_task
from dreamitate_exec.interface import WAITS_FOR_APPROVAL
from dreamitate_ros.meeting_node import Meeting
from dreamitate_ros.messages import read_track, read_video
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import Goal, StageAction, StageError, StageNode

from .attempts import Attempts, moves_of
from .ending import last_lines
from .interfaces import COORDINATOR
from .keep import keep_dream, keep_motion, keep_plans, keep_preview, keep_refusal, keep_tracks
from .listener_node import Listener
from .recorder_client_node import RecorderClient
from .run_folder import CANCELED, COMPLETED, FAILED, Ending, RunFolder
from .scene_client_node import SceneClient
from .stage_client_node import ArmStopper, StageClient
from .terminal import ProgressShow

SPANS = {
    "photos": (0.0, 0.05),
    "dream": (0.05, 0.5),
    "track": (0.5, 0.65),
    "execute": (0.65, 0.95),
    "judge": (0.95, 1.0),
}
"""The share of an attempt that each stage is; `plan` is the first part of the executor's work."""
REFUSALS = (
    TrackTool.Result.TOOL_NOT_FOUND,
    ExecuteTrajectory.Result.BAD_TRACK,
    ExecuteTrajectory.Result.OUT_OF_REACH,
    ExecuteTrajectory.Result.OVER_LIMIT,
    ExecuteTrajectory.Result.COLLISION,
)
"""What is wrong with a dream. Another one may do; of the other errors a dream is not the cause."""

EXIT_CODES = {COMPLETED: 0, FAILED: 1, CANCELED: 130}
_ARM_STOP_LIMIT_S = 1.0
_MEETING_CHECK_S = 1.0


class CoordinatorNode(StageNode):
    """Serves the action `rollout`; with `start`, sends itself one goal and ends with it."""

    def __init__(self) -> None:
        super().__init__(COORDINATOR)
        self._task = load_task(self.value("task"))
        self._arms = load_arms(self._task, self.value("robot"))
        self._heard = Listener(self, COORDINATOR.subscribes)
        self._recorder = RecorderClient(self)
        self._verdicts = self.publisher(Verdict, "verdict")
        self._dream = StageClient(self, GenerateVideo, "generate_video")
        self._track = StageClient(self, TrackTool, "track_tool")
        self._execute = StageClient(self, ExecuteTrajectory, "execute_trajectory")
        self._scene = SceneClient(self)
        self._stoppers = [ArmStopper(self, arm.prefix + self.value("controller")) for arm in self._arms]
        self._writer = ThreadPoolExecutor(1, "folder")
        self._first_folder = self.value("folder")
        self._action = StageAction(self, Rollout, "rollout", self._roll_out, Rollout.Result.UNEXPECTED, lambda: "")
        self._starter: Any = ActionClient(self, Rollout, "rollout", callback_group=self.free)
        self._meeting = Meeting(self, "rollout")

    def begin(self) -> None:
        """Start the one rollout, where that is asked for."""
        if self.value("start"):
            threading.Thread(target=self._start, daemon=True).start()

    def _start(self) -> None:
        while not (self._starter.wait_for_server(_MEETING_CHECK_S) and self._meeting.wait(_MEETING_CHECK_S)):
            pass
        goal = Rollout.Goal(task=self.value("task"), seed=self.value("seed"))
        self._starter.send_goal_async(goal).add_done_callback(
            lambda sent: sent.result().get_result_async().add_done_callback(lambda _: self._over())
        )

    def _over(self) -> None:
        if self.life:
            self.life.end("the rollout is over")

    def _roll_out(self, goal: Goal) -> Rollout.Result:
        request, result = goal.request, Rollout.Result()
        if request.task != self.value("task"):
            raise StageError(
                Rollout.Result.INVALID_GOAL,
                f"This graph was started for the task {self.value('task')!r}; the goal is for {request.task!r}.",
            )
        self._heard.stop_pressed = False
        task = load_task(request.task)
        moves = moves_of(task, self.value("simulated"))
        folder = self._folder(request)
        run = _Run(goal, folder, Attempts(moves, task.best_by, folder))
        goal.so_far["folder"] = str(run.folder.path.resolve())
        try:
            if self.value("record"):
                notes = {**run.folder.metadata(), "goal": goal.uuid.hex()}
                self._recorder.start(goal, run.folder.path / "rollout", notes)
            self._stages(run, goal, request.seed)
        except Cancelled as stopped:
            lost = bool(self.life and self.life.node_lost)
            run.end(FAILED if lost else CANCELED, str(stopped) or goal.asked_to_stop)
            if lost:
                raise StageError(Rollout.Result.STAGE_DIED, run.ending.reason) from None
            raise
        except DreamitateError as problem:
            run.end(FAILED, str(problem))
            raise
        except Exception as defect:
            run.end(FAILED, f"{type(defect).__name__}: {defect}")
            raise
        else:
            run.end(COMPLETED, "")
        finally:
            self._finish(run)
            goal.so_far["failed_stage"] = run.ending.failed_stage or ""
        result.folder, result.task_success = goal.so_far["folder"], bool(run.ending.success)
        result.verdict_json = json.dumps(run.verdict)
        return result

    def _stages(self, run: "_Run", goal: Goal, seed: int) -> None:
        """Run all stages as often as the task allows; a dream that was refused, before anything moved, is followed by
        another.

        Raises what ended the last one, where none was carried through, or where no other dream would help.
        """
        if self.value("simulated"):
            with run.stage("photos"):
                self._scene.set_up(goal, seed)
        refusal: StageError | None = None
        while run.another():
            try:
                self._attempt(run, goal, seed)
            except StageError as problem:
                if run.name == "execute" or problem.code not in REFUSALS:
                    self._take_verdict(run, goal)
                    raise
                refusal = problem
                run.refuse(problem)
                if self.value("generator") == "replay":  # it would be the same again
                    break
        self._take_verdict(run, goal)
        if refusal is not None and not run.tries.carried_out:
            raise refusal

    def _take_verdict(self, run: "_Run", goal: Goal) -> None:
        """Note and publish the best attempt's verdict, where there is one."""
        if run.tries.is_judged:
            run.verdict = run.tries.verdict()
            run.ending.success = bool(run.verdict["success"])
            run.ending.figures, run.ending.text = run.verdict["figures"], run.verdict["text"]
            self._verdicts.publish(self._verdict(goal, run.ending))

    def _attempt(self, run: "_Run", goal: Goal, seed: int) -> None:
        """Dream, track, plan, move and judge once, from how things lie."""
        kept, number = run.folder, run.tries.number
        if run.tries.carried_out:
            with run.stage("photos"):
                self._scene.demonstrate(goal)
        self._recorder.pictures(False)
        with run.stage("dream"):
            request = GenerateVideo.Goal(task=goal.request.task, seed=seed + number - 1)
            dreamed = self._dream.call(goal, request, run.tell)
            video = dreamed.video
            to_table = self._heard.frames.transform(video.header.frame_id, "table")
            clip, *others = [read_video(message, to_table) for message in (video, *dreamed.others)]
            self._keep(run, lambda: keep_dream(kept, clip, others))
        with run.stage("track"):
            trajectories = self._track.call(goal, TrackTool.Goal(video=video), run.tell).trajectories
            self._keep(run, lambda: keep_tracks(kept, clip, trajectories))
        with run.stage("plan"):
            self._carry_out(run, goal, trajectories)
        with run.stage("judge"):
            run.tries.add(self._scene.judge(goal) if self.value("simulated") else None)

    def _carry_out(self, run: "_Run", goal: Goal, trajectories: list[Any]) -> None:
        """Have the executor plan and move; whatever happens, keep the plan and what was seen of the motion."""
        if self._heard.stop_pressed:
            raise StageError(ExecuteTrajectory.Result.EMERGENCY_STOP, "The emergency stop was pressed meanwhile.")
        robot = self.value("robot")
        request = ExecuteTrajectory.Goal(task=goal.request.task, robot=robot, trajectories=trajectories)
        tracks = [read_track(message) for message in trajectories]
        task, arms, kept = self._task, self._arms, run.folder

        def preview_plan(message: Any) -> None:
            self._keep(run, lambda: keep_preview(kept, task, arms, tracks, message))

        self._recorder.pictures(True)
        self._heard.start_motion()
        self._heard.on_plan = preview_plan
        try:
            self._execute.call(goal, request, run.tell_motion)
        except BaseException:
            result = self._execute.result
            if result:
                run.name = "execute" if result.moved else "plan"
                if not result.plans:
                    said, waypoint = result.error_msg, result.waypoint
                    self._keep(run, lambda: keep_refusal(kept, task, arms, tracks, said, waypoint))
            stoppers = [] if self._execute.ended else self._stoppers
            answered = [stopper.stop(_ARM_STOP_LIMIT_S) for stopper in stoppers]  # each is told, whatever another does
            if not all(answered):
                self.get_logger().error("the arm's controller did not answer the request to stop")
            raise
        finally:
            self._heard.on_plan = lambda _: None
            views, fps = self._heard.film.stop()
            result = self._execute.result
            stood = result is not None and not result.moved
            time_s, position = self._heard.motion([arm.prefix + name for arm in arms for name in arm.robot.joint_names])
            plans = [self._heard.plan(arm.tool.name) for arm in arms]
            self._keep(run, lambda: keep_plans(kept, plans))
            if not stood:
                self._keep(run, lambda: keep_motion(kept, arms, time_s, position))
                self._keep(run, lambda: kept.add_execution(views, fps))

    def _keep(self, run: "_Run", write: Callable[[], None]) -> None:
        run.written.append(self._writer.submit(write))

    def _folder(self, request: Rollout.Goal) -> RunFolder:
        first, self._first_folder = self._first_folder, ""
        try:
            if first:
                return RunFolder(Path(first))
            settings = {"task": request.task, "seed": request.seed, "robot": self.value("robot")}
            settings["domain"] = self.context.get_domain_id()  # `dreamitate approve` looks there
            return RunFolder.create(Path(self.value("runs")), settings)
        except (DreamitateError, OSError) as problem:
            raise StageError(Rollout.Result.FOLDER_FAILED, str(problem)) from None

    def _finish(self, run: "_Run") -> None:
        """Write what is still to be written, close the bag, make the page. What fails here is said, not raised."""
        for written in run.written:
            self._say_if_broken(run, written.result)
        self._say_if_broken(run, run.tries.close)
        self._say_if_broken(run, lambda: self._close_bag(run))
        self._say_if_broken(run, lambda: run.folder.add_settings(goal=run.goal.uuid.hex()))
        self._say_if_broken(run, lambda: run.folder.finish(run.ending))
        self.get_logger().info(last_lines(run.folder.path))
        self.exit_code = EXIT_CODES[run.ending.ended]

    def _close_bag(self, run: "_Run") -> None:
        problem = self._recorder.stop({"ended": run.ending.ended, "verdict": json.dumps(run.verdict)})
        if problem:
            raise DreamitateError(problem)

    def _verdict(self, goal: Goal, ending: Ending) -> Verdict:
        message = Verdict(
            task=goal.request.task, seed=goal.request.seed, success=bool(ending.success), text=ending.text
        )
        message.header.stamp = self.get_clock().now().to_msg()
        message.figure_names = list(ending.figures)
        message.figures = [float(value) for value in ending.figures.values()]
        return message

    def _say_if_broken(self, run: "_Run", write: Callable[[], Any]) -> None:
        try:
            write()
        except Exception as problem:
            self.get_logger().error(f"{run.folder.path} is not complete: {type(problem).__name__}: {problem}")


class _Run:
    """One rollout as it goes."""

    def __init__(self, goal: Goal, folder: RunFolder, tries: Attempts) -> None:
        self.goal, self.folder, self.tries = goal, folder, tries
        self.name = ""
        self.ending = Ending()
        self.verdict: dict[str, Any] = {}
        self.written: list[Future[Any]] = []
        self._show = ProgressShow(sys.stdout)
        self._asked = False
        self._done = 0.0

    def another(self) -> bool:
        """Begin another attempt when all of the one before is in its folder, unless it is enough; return whether."""
        wait(self.written)
        self._asked = False
        return self.tries.another()

    def refuse(self, why: StageError) -> None:
        """Note that the running dream was refused, and tell the person at the terminal."""
        self.tries.refuse(f"{self.name}: {why}")
        self._show.say(f"Dream {self.tries.number} of at most {self.tries.most} was refused: {why}")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; `name` is what a failure in it is put down to."""
        self.name = name
        self._began_s = time.monotonic()
        self.tell("", 0.0)
        try:
            yield
        finally:
            self._stop_watch()

    def tell(self, text: str, fraction: float) -> None:
        """Publish how far the running stage is."""
        self._show(self.name, fraction)
        low, high = SPANS["execute" if self.name == "plan" else self.name]
        done = self.tries.carried_out + low + (high - low) * fraction
        self._done = max(self._done, done / self.tries.moves)  # after a refusal it is as far as it was
        self.goal.progress(f"{self.name}: {text}" if text else self.name, self._done)

    def tell_motion(self, text: str, fraction: float) -> None:
        """The same of the executor, whose first part is planning."""
        if text.startswith(WAITS_FOR_APPROVAL) and not self._asked:
            self._asked = True
            where = self.folder.path
            self._show.say(f"Look at {where / 'preview.png'}, then: dreamitate approve {where}   (or --refuse)")
        if self.name == "plan" and text == "moving":
            self._stop_watch()
            self.name, self._began_s = "execute", time.monotonic()
        self.tell(text, fraction)

    def end(self, ended: str, reason: str) -> None:
        """Note how it ended; a failure is put down to the stage that ran."""
        self.ending.ended, self.ending.reason = ended, reason
        self.ending.failed_stage = None if ended == COMPLETED else self.name or "photos"

    def _stop_watch(self) -> None:
        seconds = time.monotonic() - self._began_s
        self.folder.add_timing(self.name, seconds)
        self._show.close()


def main() -> None:
    """Run the node."""
    run_node(CoordinatorNode)


if __name__ == "__main__":
    main()
