"""Whether rates and their schedule fit the run."""

import re
from collections.abc import Iterator

from mmengine.config import Config

from mmleaves.doctor.finding import Finding
from mmleaves.optim.schedule_check import schedule_warnings
from mmleaves.optim.schedules_of_config import schedules_of_each

# Far above what Adam's steps, which do not shrink with the gradient, bear.
_HIGHEST_ADAM_LR = 0.02


def check_schedule_types(cfg: Config) -> Iterator[Finding]:
    """Yield a schedule that says no type, without which none can be read."""
    try:
        schedules_of_each(cfg)
    except ValueError as error:
        where, text = str(error).split(": ", 1)
        yield Finding("error", "schedule", where, text, 'dict(type="...", ...)')


def check_schedule(cfg: Config, iters_per_epoch: int | None) -> Iterator[Finding]:
    """Yield what `schedule_warnings` finds, and rates that cannot be meant."""
    if not cfg.get("train_cfg") or not cfg.get("optim_wrapper"):
        return
    for text in schedule_warnings(cfg, iters_per_epoch):
        if at := re.match(r"(param_scheduler(?:\.[^ ]+)*) \(\w.*?\): ", text):
            rest = text[at.end() :]
            yield Finding("warning", "schedule", at[1], rest, _line(rest))
        else:
            rate = re.search(r"makes (\S+) of it", text)
            line = f"optim_wrapper = dict(optimizer=dict(lr={rate[1]}))" if rate else ""
            yield Finding("warning", "rate", "optim_wrapper.optimizer.lr", text, line)
    optimizer = cfg.optim_wrapper.get("optimizer") or {}
    kind, rate = str(optimizer.get("type")), optimizer.get("lr")
    if not isinstance(rate, int | float):
        return
    if rate <= 0:
        yield _rate(f"found {rate:g}, expected a number above 0: nothing is learned.")
    elif "Adam" in kind and rate > _HIGHEST_ADAM_LR:
        yield _rate(
            f"found {rate:g} for {kind}, expected {_HIGHEST_ADAM_LR:g} at most: it is "
            "a rate for SGD. `mmleaves find-lr` finds one."
        )


def _rate(text: str) -> Finding:
    line = "optim_wrapper = dict(optimizer=dict(lr=1e-3))"
    return Finding("error", "rate", "optim_wrapper.optimizer.lr", text, line)


def _line(text: str) -> str:
    """Return the setting that the advice names, as a line."""
    for pattern, form in (
        (r"Set `end` to (\d+)", "end={}"),
        (r"Set T_max to (\d+)", "T_max={}"),
        (r"Set the sum of its periods to (\d+)", "periods=[...]  # {} in all"),
        (r"Set total_steps to (\d+)", "total_steps={}"),
        (r"Give milestones below (\d+)", "milestones=[...]  # below {}"),
        (r"Set step_size below (\d+)", "step_size=...  # below {}"),
        (r"it begins at .*the run has (\d+) .*never acts", "begin=0  # before {}"),
    ):
        if found := re.search(pattern, text):
            return form.format(found[1])
    return ""
