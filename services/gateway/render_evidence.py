"""Jobs, and the evidence of a decision, as a terminal shows them; pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.gateway.render import Answer, marks_of, table_of

NOT_KEPT = "no longer kept"


def jobs(answer: Answer) -> str:
    """One line for each job."""
    heads = ("job", "state", "done", "of", "waits for")
    rows = (
        (job["id"], job["state"], job["done"], job["of"], " ".join(job["waits_for"]))
        for job in answer["jobs"]
    )
    return table_of(heads, rows) or "No jobs."


def why(answer: Answer) -> str:
    """The reason, the votes, then one line for each event, and how to see the bytes under it."""
    rules = table_of(("vote", "rule"), map(_vote, answer["rules"]))
    steps = table_of(("seq", "what", "at", "rests on"), map(_step, answer["steps"]))
    parts = (
        "\n".join([f"{answer['ticker']}: {answer['reason']}", *marks_of(answer)]),
        rules,
        steps,
        "\n".join(_answers(answer)),
        _missing(answer),
    )
    return "\n\n".join(part for part in parts if part)


def _vote(rule: Answer) -> tuple[str, str]:
    vote = rule["vote"]
    return ("" if vote is None else f"{vote:+.2f}", rule["text"])


def _step(step: Answer) -> tuple[object, ...]:
    rests = " ".join(f"#{seq}" for seq in step["rests_on"])
    return (f"#{step['seq']}", step["what"], step["at"], rests)


def _answers(answer: Answer) -> Iterator[str]:
    """What the providers answered, byte by byte: the commands that print it."""
    for step in answer["steps"]:
        if step["answer_hash"]:
            command = step["command"] if step["kept"] else f"{step['command']} ({NOT_KEPT})"
            yield f"#{step['seq']} {step['what']}, as {step['source']} answered: {command}"


def _missing(answer: Answer) -> str:
    if not answer["missing"]:
        return ""
    seqs = " ".join(f"#{seq}" for seq in answer["missing"])
    return f"Not on the tape any more: {seqs}. Attach the archive: ./tapedeck archive --list"
