"""Builds the studio's pages. What is particular to a place comes in by its StudioEnvironment."""

from __future__ import annotations

import gradio as gr

from orchestrator_app.studio.clock import Clock
from orchestrator_app.studio.environment import StudioEnvironment
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.batch import BatchPage
from orchestrator_app.studio.pages.config import ConfigPage
from orchestrator_app.studio.pages.gallery import GalleryPage
from orchestrator_app.studio.pages.generate import GeneratePage
from orchestrator_app.studio.pages.learn import LearnPage
from orchestrator_app.studio.pages.lora_test import LoraTestPage
from orchestrator_app.studio.pages.loras import LoraNews, LorasPage
from orchestrator_app.studio.pages.pipeline import PipelinePage
from orchestrator_app.studio.pages.profiles import ProfilesPage
from orchestrator_app.studio.pages.queue import QueuePage
from orchestrator_app.studio.pages.queueing import Queueing
from orchestrator_app.studio.pages.stories import GoingOn, StoriesPage
from orchestrator_app.studio.pages.wildcards import WildcardsPage
from orchestrator_app.studio.queue_desk import QueueDesk
from orchestrator_app.studio.session import Session

TITLE = "Orchestrator"
COPIES = (3_600, 86_400)  # seconds: how often gradio looks for copies of images to delete, and how old those are


def build(environment: StudioEnvironment) -> gr.Blocks:
    """The pages, without theme, CSS or launch: those belong to the place (see ``style.STYLE``)."""
    live = LiveEnvironment(environment)
    blocks = gr.Blocks(title=TITLE, analytics_enabled=False, elem_id="orchestrator", delete_cache=COPIES)
    with blocks:
        session = gr.State(Session())
        news, clock = LoraNews(), Clock()
        with gr.Tabs(elem_id="orchestrator_tabs") as tabs:
            with gr.Tab("Generate", id="generate") as tab:
                generate = GeneratePage(live, session, tab)
            with gr.Tab("Batch", id="batch") as tab:
                batch = BatchPage(live, session, tab, generate)
            with gr.Tab("Queue", id="queue") as tab:
                queue = QueuePage(QueueDesk(environment.queue), session, tab)
            with gr.Tab("Pipeline", id="pipeline") as tab:
                pipeline = PipelinePage(live, session, tab)
            with gr.Tab("Gallery", id="gallery") as tab:
                gallery = GalleryPage(tab)
            with gr.Tab("Learn", id="learn") as tab:
                learn = LearnPage(live, session, tab, clock)
            with gr.Tab("Profiles", id="profiles") as tab:
                profiles = ProfilesPage(live, session, tab, clock)
            with gr.Tab("Stories", id="stories") as tab:
                stories = StoriesPage(live, session, tab, clock, GoingOn(tabs, generate))
            with gr.Tab("LoRAs", id="loras") as tab:
                loras = LorasPage(live, session, tab, tabs, news, clock)
            with gr.Tab("LoRA test", id="lora_test") as tab:
                lora_test = LoraTestPage(live, session, tab, generate)
            with gr.Tab("Wildcards", id="wildcards") as tab:
                wildcards = WildcardsPage(live, tab, generate.draw_form.elements["template"])
            with gr.Tab("Config", id="config") as tab:
                config = ConfigPage(live, tab)
        for page in (
            generate,
            batch,
            queue,
            pipeline,
            gallery,
            learn,
            profiles,
            stories,
            loras,
            lora_test,
            wildcards,
            config,
        ):
            page.connect()
        Queueing(generate, batch).connect()
        generate.follow(clock)
        clock.connect(session, generate.opened.tick)
    return blocks
