"""One episode without ROS: the same stage functions that the nodes call, one after the other, in one process."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dreamitate_core.arms import load_arms
from dreamitate_core.camera import Image, StereoRig, load_rig
from dreamitate_core.clip import Clip, read_clip, write_clip
from dreamitate_core.errors import Cancelled, DreamitateError, NoDemonstration
from dreamitate_core.goal import blend
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_exec.refusal import OF_THE_TRACK, PlanRefused, Reason

from . import blame
from .attempts import MOST_DREAMS, Attempts
from .glimpses import SIZE, Glimpse, seen_by_camera_1, small, still_clip
from .motion import FILM_FPS, Moved, move
from .run_folder import CANCELED, COMPLETED, FAILED, Ending, RunFolder


@dataclass
class EpisodeResult:
    """What came of an episode.

    failed_stage: "dream" or "track" ("policy" in place of both), "plan" or "execute" where the task was not done, else
    None: the stage that refused (where a plan was refused for what its track is, the one that gave it), or, where the
    arms moved, the one that `blame.find` holds responsible; "photos" where there was no scene to look at.
    reason: why, in one line; object: the name of the scene's first one; figures: what was measured, SI units in the
    names, where no attempt was carried through of things as they lie; timings: seconds per stage;
    defect: whether what ended it was no failure of the task's, but something that is missing or broken, on this machine
    or in a file.
    """

    success: bool
    failed_stage: str | None = None
    reason: str = ""
    object: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    defect: bool = False


class Policy(Protocol):
    """Says from two photos how the tools shall move, without a dream: what the benchmark compares dreams with."""

    def predict(self, photo_1: Image, photo_2: Image, rig: StereoRig, seed: int) -> dict[str, ToolTrajectory]:
        """Return each tool's path at t = 1..12, in the frame "table", from photos (H, W, 3) RGB as the cameras of the
        rig take them."""
        ...


class StageFailed(Exception):  # noqa: N818 - carries a stage's error out of the episode
    """A stage could not be carried through."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage, self.reason = stage, reason


def run_episode(
    task_name: str,
    seed: int,
    generator: str = "svd",
    tracker: str = "region",
    planner: str = "embedded",
    folder: RunFolder | None = None,
    model: Path | None = None,
    progress: Progress = quiet,
    policy: Policy | None = None,
    glimpses: list[Glimpse] | None = None,
) -> EpisodeResult:
    """Look, dream, track, plan, move and judge in the simulator, on the test split's scene of that seed.

    generator, tracker, planner: names of backends; model: a trained model's folder, None for the task's own;
    folder: keeps everything that was seen, dreamed, tracked, planned and done, where it is given; policy: gives the
    path in place of generator and tracker, where it is given; glimpses: takes up one of each attempt.
    A stage's failure is a result. Raises Cancelled through `progress`, and whatever is a defect.
    """
    episode = _Episode(task_name, seed, generator, tracker, planner, folder, model, progress, policy, glimpses)
    ending = Ending(COMPLETED)
    try:
        result = episode.run()
        ending.success, ending.text, ending.blame = result.success, episode.verdict_text, result.failed_stage
        ending.reason, ending.figures = result.reason, result.figures
    except StageFailed as failure:
        stage, reason = episode.cause_of(failure)
        defect = not episode.is_of_the_task(failure)
        result = EpisodeResult(False, stage, reason, figures=episode.figures_now(), defect=defect)
        ending.ended, ending.failed_stage, ending.reason = FAILED, failure.stage, failure.reason
    except (Cancelled, KeyboardInterrupt):
        ending.ended, ending.failed_stage, ending.reason = CANCELED, episode.stage, "stopped on request"
        raise
    except BaseException as defect:
        ending.ended, ending.failed_stage, ending.reason = FAILED, episode.stage, f"{type(defect).__name__}: {defect}"
        raise
    finally:
        if folder is not None:
            folder.finish(ending)
    result.timings, result.object = episode.timings, episode.object
    return result


def track_on_table(tracks: dict[str, ToolTrajectory], tool: str, rig: StereoRig) -> ToolTrajectory:
    """Return the tool's track in the table frame. Raises DreamitateError where it is not there or cannot be moved."""
    if tool not in tracks:
        raise DreamitateError(f"The tool {tool!r} is not among the tracked ones: {', '.join(sorted(tracks))}.")
    track = tracks[tool]
    if track.frame == "table":
        return track
    if rig.transform_reference_to_table is None:
        raise DreamitateError("The cameras are not tied to the table: cameras.json lacks transform_reference_to_table.")
    return track.in_frame("table", rig.transform_reference_to_table)


class _Episode:
    """The state of one episode while it runs."""

    def __init__(
        self,
        task_name: str,
        seed: int,
        generator: str,
        tracker: str,
        planner: str,
        folder: RunFolder | None,
        model: Path | None,
        progress: Progress,
        policy: Policy | None,
        glimpses: list[Glimpse] | None,
    ) -> None:
        self.task = load_task(task_name)
        self.arms = load_arms(self.task)
        self.rig = load_rig(self.task.rig)
        self.seed, self.generator, self.tracker, self.planner = seed, generator, tracker, planner
        self.folder, self.model, self.progress = folder, model, progress
        self.policy, self.glimpses = policy, glimpses
        self.stage = "photos"
        self.evidence: blame.Evidence | None = None  # of the best attempt
        self.stopped: blame.Evidence | None = None  # of one in which an arm stopped on its way
        self.timings: dict[str, float] = {}
        self.verdict_text, self.object = "", ""
        self._simulation: Any = None

    def run(self) -> EpisodeResult:
        """Run all stages, again from where things lie then, as often as the task allows, and again where a dream was
        refused, before anything moved; the best attempt counts.

        Raises StageFailed where no attempt was carried through, Cancelled, and whatever is a defect.
        """
        from dreamitate_sim.scene import make_scene
        from dreamitate_sim.table_simulation import TableSimulation

        with self._run_stage("photos"):
            simulation = TableSimulation(make_scene(self.task, self.seed, "test"), self.arms)
        self._simulation, self.object = simulation, simulation.scene.objects[0].kind.name
        most = 1 if self.generator == "replay" else MOST_DREAMS
        tries = Attempts(self.task.attempts, self.task.best_by, self.folder, most)
        refusals: list[StageFailed] = []
        try:
            while tries.another():
                try:
                    self._attempt(simulation, tries, len(refusals))
                    refusals.clear()
                except StageFailed as failed:
                    refusals.append(failed)
                    if not isinstance(failed.__cause__, PlanRefused):  # another dream would not mend it
                        break
                    tries.refuse(str(failed))
        finally:
            tries.close()
        if self.evidence is None:
            raise refusals[-1]
        return self._result(tries, self.evidence, refusals)

    def figures_now(self) -> dict[str, float]:
        """Return what is measured of the table as it is now; nothing where there is none."""
        return {} if self._simulation is None else dict(self._simulation.judge().figures)

    def cause_of(self, failure: StageFailed) -> tuple[str, str]:
        """Return the stage that a failure is put down to, and why: where a plan was refused for what its track is, the
        one that gave the track; where an arm stopped on its way, the one that `blame.find` holds responsible."""
        cause = failure.__cause__
        if isinstance(cause, PlanRefused) and Reason(cause.reason) in OF_THE_TRACK:
            return "track" if self.policy is None else "policy", failure.reason
        if self.stopped is not None:
            stage, why = blame.find(self.stopped)
            return stage, f"{failure.reason} ({why})"
        return failure.stage, failure.reason

    def is_of_the_task(self, failure: StageFailed) -> bool:
        """Whether the task failed: a path that was refused, an arm that stopped, a scene that nobody can do."""
        return self.stopped is not None or isinstance(failure.__cause__, PlanRefused | NoDemonstration)

    def _attempt(self, simulation: Any, tries: Attempts, refused: int) -> None:
        """Look, dream, track, plan, move and judge once. refused: how many attempts, from how things lie now, were."""
        with self._run_stage("photos"):
            scene = simulation.scene_now() if tries.carried_out else simulation.scene
            camera = self.rig.camera_1
            photos = [simulation.render(index, camera.width, camera.height) for index in (1, 2)]
            if self.folder is not None:
                self.folder.add_photos(photos[0], photos[1])
            if scene.goal is not None:
                photos = self._with_goal(scene, photos)
            if self.glimpses is not None:
                self.glimpses.append(Glimpse(small(photos[0])))
        clip: Clip | None = None
        if self.policy is not None:
            with self._run_stage("policy"):
                tracks = self._predict(self.policy, photos, tries.number)
        else:
            with self._run_stage("dream"):
                clip = self._dream(scene, photos, tries.number, refused)
            with self._run_stage("track"):
                tracks = self._track(clip)
        with self._run_stage("plan"):
            plans = self._plan(tracks, simulation)
        with self._run_stage("execute"):
            moved = self._execute(simulation, plans)
            evidence = blame.Evidence(scene, clip, tracks, plans, moved.motions)
            if moved.problem:
                self.stopped = evidence
                raise DreamitateError(moved.problem)
        with self._run_stage("judge"):
            if self.glimpses is not None:
                self.glimpses[-1].end = simulation.render(1, *SIZE)
            verdict = simulation.judge()
            if tries.add(asdict(verdict)):
                self.evidence = evidence

    def _result(self, tries: Attempts, evidence: blame.Evidence, refusals: list[StageFailed]) -> EpisodeResult:
        """What came of the best attempt, and why it was not enough; refusals: those after the last motion."""
        with self._run_stage("judge"):
            verdict = tries.verdict()
            self.verdict_text = verdict["text"]
            result = EpisodeResult(verdict["success"], figures={**verdict["figures"], **blame.measure(evidence)})
            if not verdict["success"]:
                result.failed_stage, result.reason = blame.find(evidence)
            if refusals:  # a later attempt is made only where there was no success
                last = refusals[-1]
                result.reason += f"; attempt {tries.number} was not carried through ({last.stage}: {last})"
                result.defect = not self.is_of_the_task(last)
        return result

    @contextmanager
    def _run_stage(self, stage: str) -> Iterator[None]:
        """Time a stage, and turn its refusal into StageFailed."""
        self.stage = stage
        started_s = time.perf_counter()
        self._say(stage, 0.0)
        try:
            yield
        except DreamitateError as error:
            raise StageFailed(stage, str(error)) from error
        finally:
            seconds = time.perf_counter() - started_s
            self.timings[stage] = self.timings.get(stage, 0.0) + seconds
            if self.folder is not None:
                self.folder.add_timing(stage, seconds)
        self._say(stage, 1.0)

    def _say(self, _: str, fraction: float) -> None:
        """The stage functions' progress: what they call themselves matters less than the stage they are in."""
        self.progress(self.stage, fraction)

    def _with_goal(self, scene: Any, photos: list[Image]) -> list[Image]:
        from dreamitate_sim.silhouette import goal_masks

        return [blend(photo, mask) for photo, mask in zip(photos, goal_masks(scene.goal, self.rig), strict=True)]

    def _predict(self, policy: Policy, photos: list[Image], number: int) -> list[ToolTrajectory]:
        tracks = policy.predict(photos[0], photos[1], self.rig, self.seed + number - 1)
        if self.glimpses is not None:
            still = still_clip(photos[0], photos[1], self.rig, tracks)
            self.glimpses[-1].add_path(still, seen_by_camera_1(tracks, self.rig))
        return [track_on_table(tracks, arm.tool.name, self.rig) for arm in self.arms]

    def _dream(self, scene: Any, photos: list[Image], number: int, way: int) -> Clip:
        from dreamitate_gen.registry import load_generator

        with tempfile.TemporaryDirectory() as temporary:
            replay = self._demonstrate(scene, way, Path(temporary) / "clip") if self.generator == "replay" else None
            generator = load_generator(self.generator, self.task, self.model, replay)
            clip, *others = generator.dreams(photos[0], photos[1], self.rig, self.seed + number - 1, self._say)
            if replay is not None and clip.truth is None:
                clip.truth = read_clip(replay).truth
        if self.folder is not None:
            self.folder.add_dream(clip, others)
        return clip

    def _demonstrate(self, scene: Any, way: int, clip_folder: Path) -> Path:
        """Write the demonstrator's clip of the scene at the size of the task's dreams; way: its number, best first."""
        from dreamitate_sim.demonstrator import demonstrate

        write_clip(clip_folder, demonstrate(scene, way, *self.task.dream_size, self._say))
        return clip_folder

    def _track(self, clip: Clip) -> list[ToolTrajectory]:
        from dreamitate_track.overlay import draw_overlay
        from dreamitate_track.track import track

        tracks = track(clip, self.tracker, self._say)
        if self.folder is not None:
            self.folder.add_tracks(tracks, draw_overlay(clip, tracks), clip.background_2)
        if self.glimpses is not None:
            self.glimpses[-1].add_path(clip, tracks)
        return [track_on_table(tracks, arm.tool.name, clip.rig) for arm in self.arms]

    def _plan(self, tracks: list[ToolTrajectory], simulation: Any) -> list[Plan]:
        from dreamitate_exec.plan import plan_arms
        from dreamitate_exec.preview import preview

        starts = [arm.position for arm in simulation.arms]
        plans = plan_arms(tracks, self.task, self.arms, starts, self.planner, self._say)
        if self.folder is not None:
            for number, (arm, track, planned) in enumerate(zip(self.arms, tracks, plans, strict=True)):
                self.folder.add_plan(planned, number)
                base = arm.transform_base_to_table
                seen = preview(track, planned, self.task, arm.robot, arm.tool, base=base)
                self.folder.add_preview(seen, " ".join(planned.notes), number)
        return plans

    def _execute(self, simulation: Any, plans: list[Plan]) -> Moved:
        moved = move(simulation, plans, filmed=self.folder is not None, progress=self._say)
        if self.folder is not None:
            for number, motion in enumerate(moved.motions):
                self.folder.add_motion(motion.time_s, motion.position, motion.transform_tool_to_table, number)
            self.folder.add_execution(moved.views, FILM_FPS)
        return moved
