"""A diagnosis as text for the terminal, and as a dict."""

from collections.abc import Iterator

from mmleaves.doctor.diagnosis import Diagnosis
from mmleaves.doctor.finding import SEVERITIES
from mmleaves.doctor.places import key_places, place_of, shown


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield what was found, a block a finding."""
    packages = ", ".join(
        f"{name} {number}"
        for name, number in diagnosis.versions.items()
        if name != "pkg_resources"
    )
    machine = ", ".join(f"{name} {value}" for name, value in diagnosis.machine.items())
    yield f"Versions: {packages}"
    yield f"Machine: {machine}"
    if diagnosis.config is not None:
        yield f"Config: {shown(diagnosis.config)}"
    for finding in as_dict(diagnosis)["findings"]:
        place = f" ({finding['file']}, line {finding['line_number']})"
        yield ""
        yield (
            f"{finding['severity']}  {finding['kind']}: {finding['where']}"
            + (place if finding["file"] else "")
        )
        yield f"  {finding['text']}"
        if finding["line"]:
            yield f"  Write: {finding['line']}"
    yield ""
    yield summary(diagnosis)


def summary(diagnosis: Diagnosis) -> str:
    """Return how many of each severity were found."""
    counts = []
    for severity in SEVERITIES:
        n = sum(finding.severity == severity for finding in diagnosis.findings)
        counts.append(f"{n} {severity}{'' if n == 1 else 's'}")
    return f"{', '.join(counts)}."


def as_dict(diagnosis: Diagnosis) -> dict:
    """Return a diagnosis of plain types: ``--json``.

    ``file`` and ``line_number`` are of the key that the finding names, or of what is
    around it, None where no file says it.
    """
    places = key_places(diagnosis.config) if diagnosis.config else {}
    findings = []
    for finding in diagnosis.findings:
        place = place_of(finding.where, places)
        findings.append(
            {
                "severity": finding.severity,
                "kind": finding.kind,
                "where": finding.where,
                "text": finding.text,
                "line": finding.line,
                "file": shown(place[0]) if place else None,
                "line_number": place[1] if place else None,
            }
        )
    return {
        "config": str(diagnosis.config) if diagnosis.config else None,
        "versions": diagnosis.versions,
        "machine": diagnosis.machine,
        "findings": findings,
        "has_errors": diagnosis.has_errors,
    }
