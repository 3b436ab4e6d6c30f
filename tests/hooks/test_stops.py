"""A run that a signal stops saves at once, and ends as if the signal had not come."""

import signal

import pytest
from forked_runs import outcome, said, train_again, wait, write_run

# With workers, which get the signal too, as SLURM sends it.
WORKERS = ["train_dataloader.num_workers=2", "train_dataloader.persistent_workers=True"]
# The first score is the best, as none is 200 points better: this ends after epoch 3.
STOPS_EARLY = [
    "default_hooks.early_stopping.patience=2",
    "default_hooks.early_stopping.min_delta=200",
]
THAWS = ['trainable=["classifier","all@2"]']


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Return what an unbroken run of some settings ends with; each is run once."""
    folder = tmp_path_factory.mktemp("unbroken")
    config, known = write_run(folder), {}

    def of(settings, epochs):
        key = " ".join(settings)
        if key not in known:
            work, log = folder / str(len(known)), folder / "log"
            assert train(config, work, log, settings) == 0, said(log)[-3000:]
            known[key] = outcome(work, epochs)
        return config, known[key]

    return of


def train(config, work, log, settings, signals=""):
    env = {"SIGNALS_AT": signals} if signals else {}
    more = ["--cfg-options", *settings] if settings else []
    return wait(train_again(config, work, *more, log=log, env=env))


@pytest.mark.parametrize(
    ("signals", "settings", "epochs"),
    [
        ("SIGTERM before_train_iter 1", WORKERS, 4),
        ("SIGUSR1 before_val_iter 2", WORKERS, 4),
        # What stops the training is the validation that is done once more.
        ("SIGTERM before_val_iter 3", STOPS_EARLY, 3),
        # The validation of the last epoch with a frozen trunk.
        ("SIGTERM before_val_iter 2", THAWS, 4),
        ("SIGTERM before_val_iter 4", [], 4),
    ],
)
def test_a_signal_saves_at_once(unbroken, tmp_path, signals, settings, epochs):
    config, expected = unbroken(settings, epochs)
    work, log = tmp_path / "work", tmp_path / "log"
    assert train(config, work, log, settings, signals) == 75, said(log)[-3000:]
    assert f"Stopped by {signals.split()[0]} in epoch" in said(log)
    assert "Traceback" not in said(log)
    assert (work / "last_checkpoint").read_text().endswith("interrupted.pth")
    if "val" in signals and settings == WORKERS:
        # Once more, in the validation that comes first now.
        assert train(config, work, log, settings, signals) == 75, said(log)[-3000:]
    assert train(config, work, log, settings) == 0, said(log)[-3000:]
    assert outcome(work, epochs) == expected


@pytest.mark.parametrize(
    "signals",
    [
        "SIGTERM before_train_epoch 1",  # the loader starts
        "SIGTERM SIGTERM before_train_iter 2",  # twice, and nobody waits
        "SIGTERM SIGUSR1 before_val_iter 3",
    ],
)
def test_where_nothing_is_saved_the_last_epoch_is_left(unbroken, tmp_path, signals):
    config, expected = unbroken(WORKERS, 4)
    work, log = tmp_path / "work", tmp_path / "log"
    code = train(config, work, log, WORKERS, signals)
    assert code == 75, said(log)[-3000:]
    assert "Traceback" not in said(log)
    assert not list(work.glob("*.unfinished"))
    assert train(config, work, log, WORKERS) == 0, said(log)[-3000:]
    assert outcome(work) == expected


def test_a_kill_within_a_validation(unbroken, tmp_path):
    config, expected = unbroken([], 4)
    work, log = tmp_path / "work", tmp_path / "log"
    code = train(config, work, log, [], "SIGKILL before_val_iter 2")
    assert code == -signal.SIGKILL
    assert train(config, work, log, []) == 0, said(log)[-3000:]
    assert outcome(work) == expected
