"""One way of saying what gradio 4.40, 5 and 6 each say differently. Pages use only what all three have."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gradio as gr

Event = Callable[..., Any]


def kw(component: Callable[..., Any], **options: Any) -> Any:
    """The component, made with those of the options that this gradio knows."""
    known = inspect.signature(component).parameters
    return component(**{name: value for name, value in options.items() if name in known})


def html_box(value: str, **options: Any) -> Any:
    """HTML of our own, without the room that gradio 5 and 6 leave around it."""
    classes = ["orc-html", *options.pop("elem_classes", [])]
    return kw(gr.HTML, value=value, padding=False, elem_classes=classes, **options)


def listen(
    events: Event | Sequence[Event],
    function: Callable[..., Any] | None,
    inputs: Any = None,
    outputs: Any = None,
    **options: Any,
) -> Any:
    """Calls the function when one of the events happens. It gets no name in gradio's own API, which is not ours."""
    known = inspect.signature(gr.on).parameters  # that of an event itself cannot be seen in Forge, which wraps them
    nameless = {"api_visibility": "private"} if "api_visibility" in known else {"api_name": False, "show_api": False}
    chosen = {"fn": function, "inputs": inputs, "outputs": outputs, **nameless, **options}
    chosen = {name: value for name, value in chosen.items() if name in known}
    return events(**chosen) if callable(events) else gr.on(triggers=list(events), **chosen)


def plain(text: str) -> str:
    """A text for ``info``, which gradio 5 and 6 read as Markdown and gradio 4 as it is."""
    return text if gr.__version__.startswith("4.") else re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text)


def hidden(name: str) -> Any:
    """A text box that clicks write to, or that a page keeps something in."""
    return kw(gr.Textbox, value="", elem_id=name, elem_classes=["orc-hidden"], show_label=False)


@contextmanager
def folded(title: str, element_id: str) -> Iterator[None]:
    """As a closed gr.Accordion, whose elements are there all the same: gradio 6 goes through all of a page for each
    value that is sent to an element which was not shown yet.
    """
    with kw(gr.Column, elem_classes=["orc-fold"], elem_id=element_id):
        kw(gr.Checkbox, label=title, value=False, container=False, elem_classes=["orc-fold-switch"])
        with kw(gr.Column, elem_classes=["orc-folded"]):
            yield
