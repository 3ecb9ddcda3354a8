import numpy as np
import pytest

from streams.core.forecasting.track import STEP_CHECK, STEP_SAMPLE, Track

MINUTE = 60_000


def follow(track: Track, timestamps: np.ndarray | list[int]) -> Track:
    for timestamp in np.asarray(timestamps).tolist():
        track.points += 1
        if track.points >= track.check_at:
            track.observe(timestamp)
    return track


def test_the_step_is_the_median_gap() -> None:
    assert follow(Track(), [0, 10, 30, 1000]).step == 20


@pytest.mark.parametrize("timestamps", [[], [5], [5, 5, 5], [9, 8, 7]])
def test_without_two_timestamps_in_order_there_is_no_step(timestamps: list[int]) -> None:
    assert follow(Track(), timestamps).step == 0


def test_records_out_of_order_do_not_count() -> None:
    assert follow(Track(), [0, 100, 50, 150, 150, 250]).step == 100


def test_jitter_and_an_outage_leave_the_step() -> None:
    random = np.random.default_rng(0)
    times = MINUTE * np.arange(1000) + random.integers(-9000, 9000, 1000)
    times[500:] += 50 * MINUTE
    track = follow(Track(), times[: STEP_SAMPLE + 1])
    step = track.step
    assert step == pytest.approx(MINUTE, rel=0.1)
    assert follow(track, times[STEP_SAMPLE + 1 :]).step == step


@pytest.mark.parametrize("step", [10_000, 600_000])
def test_a_new_step_is_found(step: int) -> None:
    track = follow(Track(), MINUTE * np.arange(200))
    start = MINUTE * 200
    follow(track, start + step * np.arange(3 * STEP_CHECK + STEP_SAMPLE + 2))
    assert track.step == step


def test_the_old_step_stands_while_the_new_one_is_sampled() -> None:
    track = follow(Track(), MINUTE * np.arange(200))
    timestamp = MINUTE * 200
    while track.check_at:
        follow(track, [timestamp])
        timestamp += 1000
    assert track.step == MINUTE
    follow(track, timestamp + 1000 * np.arange(STEP_SAMPLE))
    assert track.step == 1000


def test_a_track_is_restored_as_it_was() -> None:
    track = follow(Track(), MINUTE * np.arange(10))
    track.first_score(-3.0, 0.8)
    assert Track.restored(track.state).state == track.state
    assert (track.error, track.variance, track.coverage, track.scored) == (3.0, 9.0, 0.8, 1)
