"""The text that is sent to the model: for the first answer, for each continuation, and for the control."""

from typing import Final

from .checkpoints import Resume
from .grammar import write_file

PLAIN_RULE: Final = (
    "Write every file of the package whole, in a Markdown fence between a line `@@file PATH v1 NAME` and a line "
    "`@@end PATH v1`; put one backslash in front of a line of a file that begins with `@@`."
)


def first_prompt(method: str, sentence: str, number: int) -> str:
    """The method and the sentence: what a package is generated from."""
    return (
        f"{method.rstrip()}\n\n---\n\nThe sentence:\n\n{sentence}\n\n"
        f"Begin with `@@generation {number} mode=package form=2`, then `@@prompt` and the sentence.\n"
    )


def plain_prompt(sentence: str) -> str:
    """The sentence without the method, and the least that lets a program find the files in the answer."""
    return f"{sentence}\n\n{PLAIN_RULE}\n"


def next_prompt(method: str, sentence: str, resume: Resume) -> str:
    """What a model that has seen nothing else needs to go on behind a checkpoint."""
    phase, _, middle = resume.number.partition(".")
    if middle:
        where = f"Phase {phase} is open: do not write its `@@phase` again."
    else:
        where = f"Phase {phase} is finished: the next mark is `@@phase {int(phase) + 1}` with its title."
    last = resume.transcript.last_versions()
    files = "\n".join(
        write_file(path, last[path].number, last[path].author, last[path].text or "") for path in resume.needs
    )
    return (
        f"{method.rstrip()}\n\n---\n\nThe sentence:\n\n{sentence}\n\n---\n\n"
        f"The generation has begun and was cut. Everything up to this checkpoint is kept:\n\n{resume.text}\n"
        f"The last versions of the files that it needs:\n\n{files or '(none)'}\n---\n\n"
        "Continue this transcript with what `next:` says. Your answer is put directly behind the checkpoint: begin "
        f"with a mark, not with words about the task. {where} Do not repeat `@@generation`, `@@prompt`, the "
        "checkpoint or anything that it calls done; versions go on counting from those it names. "
        "Go on to `@@done`, or stop behind a checkpoint.\n"
    )
