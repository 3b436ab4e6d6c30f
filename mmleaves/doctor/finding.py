"""What the doctor has to say of one thing."""

from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit.

    Args:
        severity: ``"error"`` for what stops a run or makes its result wrong,
            ``"warning"`` for what is most likely not meant, ``"note"`` for the rest.
        kind: A word for what it is about, such as ``"num-classes"``.
        where: A key of the config, or what of the machine it is about.
        text: What was found, what was expected, what to do.
        line: The line to write instead, if it can be said.
    """

    severity: str
    kind: str
    where: str
    text: str
    line: str = ""
