"""What a model was trained on: every part of the training counts, the benchmark's tables compare by it."""

from dreamitate_gen.effort import demonstrations, samples_seen, training_s

SEEN = {"begun_seen": 1, "seen": 20, "closer_seen": 300, "finish_seen": 4000}
SPENT_S = {"begun_s": 0.5, "elapsed_s": 6.0, "closer_s": 70.0, "finish_s": 800.0}


def test_every_part_of_the_training_counts() -> None:
    assert samples_seen(SEEN) == 4321
    assert training_s(SPENT_S) == 876.5


def test_a_part_that_was_not_trained_counts_nothing() -> None:
    assert samples_seen({"seen": 20}) == 20
    assert training_s({"elapsed_s": 6.0}) == 6.0


def test_the_closer_look_s_demonstrations_are_the_model_s_where_they_are_more() -> None:
    assert demonstrations({"clips": 1200, "closer_clips": 2150}) == 2150
    assert demonstrations({"clips": 1200}) == 1200
