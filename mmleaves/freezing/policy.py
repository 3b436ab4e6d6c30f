"""The freeze policy: one setting, ``trainable``, for every backbone.

============================  =======================================================
``"all"``                     everything
``"classifier"``              the classifier alone: a linear probe
``"last:N"``                  the last N stages (blocks of a ViT), and what follows them
``"all-but-first:N"``         all but the stem and the first N stages: what MMPretrain
                              calls ``frozen_stages=N`` in a ResNet
``"attention:N"``             self-attention in the last N blocks: queries, keys, values
                              and the output projection, with their biases, and what
                              else a net's attention learns, as tables of positions
``"norms"``                   weights and biases of the normalisation layers
``"biases"``                  biases alone (BitFit, Ben Zaken et al., ACL 2022)
``"lora:R"``                  low-rank updates, of rank R, to the linear layers of
                              self-attention (LoRA, Hu et al., ICLR 2022)
``"names:PATTERN"``           parameters in whose name the regular expression is found
============================  =======================================================

The classifier, a neck with parameters, and what joins two branches come without
pretrained weights and are trained in every policy.

Over time, a policy follows another: ``["classifier", "all@3"]`` trains all from epoch 3
on (LP-FT, Kumar et al., ICLR 2022), and ``"gradual:K"`` one stage more every K epochs
(Howard and Ruder, ACL 2018). In a net of two branches,
``{"left": "classifier", "right": "last:1"}`` gives each its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Setting = str | Sequence[str] | Mapping[str, str | Sequence[str]]

_COUNTED = ("last", "all-but-first", "attention", "lora", "gradual")
_PLAIN = ("all", "classifier", "norms", "biases")
_FORMS = (*_PLAIN, *(f"{kind}:N" for kind in _COUNTED), "names:PATTERN")


@dataclass(frozen=True)
class Policy:
    """One policy, such as ``last:2``: ``kind`` is ``"last"``, ``count`` 2."""

    kind: str
    count: int = 0
    pattern: str = ""

    def __str__(self) -> str:
        argument = self.pattern or (self.count if self.kind in _COUNTED else "")
        return f"{self.kind}:{argument}" if argument != "" else self.kind


def parse_policy(text: str) -> Policy:
    """Read one policy.

    Raises:
        ValueError: If there is no such policy, or its number or pattern is none.
    """
    kind, colon, argument = str(text).partition(":")
    if kind in _PLAIN and not colon:
        return Policy(kind)
    least = 1 if kind in ("lora", "gradual", "attention") else 0
    if kind in _COUNTED and argument.isdecimal() and int(argument) >= least:
        return Policy(kind, int(argument))
    if kind == "names" and argument:
        try:
            re.compile(argument)
        except re.error as error:
            raise ValueError(
                f"trainable={text!r}: {argument!r} is no regular expression: {error}."
            ) from error
        return Policy(kind, pattern=argument)
    raise ValueError(
        f"trainable={text!r} is not a freeze policy; there are {', '.join(_FORMS)}, "
        "with a whole number for N, and lists of them over time."
    )


def parse_steps(setting: str | Sequence[str]) -> list[tuple[int, Policy]]:
    """Read a policy or a list of them over time, each with its first epoch, from 0.

    Raises:
        ValueError: If a policy is none, or the epochs do not rise from 0.
    """
    if not isinstance(setting, str | Sequence):
        raise ValueError(
            f"trainable={setting!r} is not a freeze policy, expected text, or a list "
            f"of it over time; there are {', '.join(_FORMS)}."
        )
    texts = [setting] if isinstance(setting, str) else list(setting)
    steps = []
    for text in texts:
        policy, at, epoch = str(text).rpartition("@")
        if not at or not epoch.isdecimal():
            policy, epoch = str(text), "0"
        steps.append((int(epoch), parse_policy(policy)))
    epochs = [epoch for epoch, _ in steps]
    if not steps or epochs[0] != 0 or sorted(set(epochs)) != epochs:
        raise ValueError(
            f"trainable={setting!r} does not say what is trained when: the first "
            "policy begins at epoch 0, each later one after it, as in "
            '["classifier", "all@3"].'
        )
    if len(steps) > 1 and any(policy.kind == "gradual" for _, policy in steps):
        raise ValueError(
            f"trainable={setting!r}: gradual is a list of policies over time itself, "
            "and stands alone."
        )
    return steps


def first_policy(setting: Setting) -> Setting:
    """Return what a setting trains at the start of the run, as a setting."""
    if isinstance(setting, Mapping):
        return {branch: first_policy(own) for branch, own in setting.items()}
    policy = parse_steps(setting)[0][1]
    return "classifier" if policy.kind == "gradual" else str(policy)
