"""What guests send, before Gradio acts on it: files are their uploads or the examples, whoever asks and however.

Gradio fetches a photo that is named by an http address, whatever its size, for everybody who asks. Browsers never do:
only somebody who calls the endpoint by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from hairnet.page.examples import FOLDER

ELSEWHERE = "A photo has to be uploaded or be one of the examples, nothing is fetched from elsewhere: choose it again"
NO_FILE = "The photo did not arrive as a file: choose it again"
NO_REQUEST = "This is not what the page sends: reload it, or look at how its endpoint is called"


class Guarded(gr.Blocks):
    """A page whose guests name files in `uploads` and the examples alone."""

    def __init__(self, uploads: Path, **settings: Any) -> None:
        super().__init__(**settings)
        self.uploads = uploads

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *rest: Any, **named: Any) -> list[Any]:
        """All that is sent comes through here, by the queue or past it, and is resolved by what this overrides."""
        try:
            check_files(inputs, (self.uploads, FOLDER))
            return await super().preprocess_data(block_fn, inputs, *rest, **named)
        except gr.Error:
            raise
        except ValueError as error:
            ours = str(error) in (ELSEWHERE, NO_FILE)
            raise refusal(str(error) if ours else NO_REQUEST) from error
        except (TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            raise refusal(NO_REQUEST) from error

    def waiting(self) -> set[Path]:
        """Files of all requests that stand in the queue or are being worked on."""
        lines = [line.queue for line in list(self._queue.event_queue_per_concurrency_id.values())]
        lines += [job for job in list(self._queue.active_jobs) if job]
        sent = [event.data.data for line in lines for event in list(line) if event.data is not None]
        return {Path(name) for name in files_in(sent) if isinstance(name, str)}


def refusal(sentence: str) -> gr.Error:
    return gr.Error(sentence, title="This cannot be done", print_exception=False)


def check_files(sent: Any, folders: tuple[Path, ...]) -> None:
    """ValueError unless every file in `sent` lies in one of the folders."""
    for name in files_in(sent):
        if not isinstance(name, str) or not name:
            raise ValueError(NO_FILE)
        try:
            place = Path(name).resolve()
        except (ValueError, OSError, RuntimeError) as error:  # a name that no file can have
            raise ValueError(ELSEWHERE) from error
        if not any(place.is_relative_to(folder.resolve()) for folder in folders):
            raise ValueError(ELSEWHERE)


def files_in(sent: Any) -> Iterator[Any]:
    """The names of all files in JSON of any form, also where no file belongs."""
    rest = [sent]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            if "path" in one:
                yield one["path"]
            rest += one.values()
        elif isinstance(one, list | tuple):
            rest += one
