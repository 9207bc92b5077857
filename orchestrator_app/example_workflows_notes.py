"""What the notes of the live example workflows say, in Markdown."""

from __future__ import annotations

FIRST = """\
# Your first wildcards

Each run draws another prompt from the template in **Wildcard Prompt**:

- `__colors/warm__` is a *wildcard*: one line of a file, here one of many warm colours.
- `{fox|owl|hare}` is a *variant*: one of these words. `{2::fox|owl}` makes the fox twice as likely.
- Type `__` for a list of all wildcards, and a letter or two of what you look for.

Below the template you see what the next run draws, in the colour of where each word is from.

1. Choose a model in **checkpoint**.
2. Press *Run*, and again.
3. Liked one? *Fix this prompt* in the node keeps it.
"""
TEN = """\
# A batch of ten

Ten prompts of one template, ten pictures, each with its own prompt inside its file.

1. Choose a model in **checkpoint**.
2. Write **10** beside *Run*, and press it.

The seed goes up by one each time, so the same ten can be drawn again: set it back to 100.

- **Prompt Inspector** shows the words of the run that is shown, what else could have been drawn, and their tokens.
- **Run Recorder** keeps prompts and pictures in Orchestrator's own list: *Share a past run as a template* finds them.
"""
FOLLOWS = """\
# The negative prompt follows

`${medium=!{photo|painting}}` draws once and gives the result a name. All of `${medium}` is then the same, in the
negative template too:

- a photo keeps `__negative/medium/photo__` away,
- a painting `__negative/medium/painting__`.

Season and clothes go together the same way.

1. Choose a model in **checkpoint**.
2. Press *Run* a few times, and compare the two prompts.
"""
PEOPLE = """\
# Two people, one of them fixed

Each has a template of their own, and **together** makes one prompt of both.

- **she** is in mode *fixed*: her prompt stays as it is. Edit it, or set mode to *populate* for somebody new.
- **he** is drawn anew at each run.
- Click a coloured word below his template, and only that part of him is drawn again.
- *Fix this prompt* keeps him too.

Choose a model in **checkpoint**, then press *Run*. The seed of the picture is his.
"""
CHOSEN = """\
# LoRAs that fit the prompt

**LoRA Selector** reads the prompt of each run, chooses among your LoRAs those that it speaks of and that are made for
your model, loads them, and adds their trigger words. Below its widgets it says which, and why.

1. Choose a model in **checkpoint**.
2. Write a template that speaks of what your LoRAs are for: the **LoRAs** tab at the side shows them all.
3. Press *Run*, and again: each prompt gets its own LoRAs, or none where none fits.

- Always want one? Drag its card from the tab onto the node.
- **max_loras** and **total_strength** keep them within bounds.
"""
ENHANCED = """\
# Prompts with more in them

**LLM Enhance** adds to the drawn prompt what goes with it: light, weather, texture. The drawn words stay as they are,
and the new ones are pink in the node, with who wrote them. **LoRA Selector** then reads all of it.

1. Choose a model in **checkpoint**, then press *Run*. Here the words come from rules, which need nothing.
2. For a language model: *Choose a model …* in **LLM Model** lists those of Ollama, LM Studio or llama.cpp on this
   machine.
3. The same prompt gets the same words for ever. Raise **refresh** to ask anew.

- What stands in `[[keep: …]]` is never rewritten, whatever the **mode**.
- Is the model not there? The prompt stays as it was, the node says why, and the queue goes on.
"""
SCENES = """\
# A story of scenes

**Profile Loader** says who is in the pictures and how they are drawn, **Wildcard Prompt** what happens, and **Story
Memory** what stays: looks, clothes, place and time. Write the next scene, and press *Run*.

1. Choose a model in **checkpoint**, then press *Run*, and again: each picture goes on from the one before.
2. Write something else into the template: `Mira on the beach, at sunrise`. From then on she is there.
3. *Open* in **Story Memory** shows the story at the side: its scenes, how it stands, undo, and *New scene*.

- Another name in **story** begins another story.
- What you say in **where** or **outfit** holds from now on: clear the field after the run.
"""
LEARNED = """\
# Prompts that get better

**CLIP Scorer** says how surely each picture shows each drawn word, against what else could have been drawn. **Feedback
Recorder** keeps that, and the next prompts are drawn by what worked, once you say so.

1. Put the folder of a CLIP model into `models/clip_score/` (docs/scoring.md of the pack names one to begin with) and
   choose it in **Scorer Model** (*installed*). Choose a model in **checkpoint**.
2. Press *Run*: the bars show what the pictures hold.
3. Switch learning on in the tab **Learned odds** at the side, and set a wildcard to *prefers what works*.
4. *Run (Instant)*, some forty times, and look at the odds again. Every step can be undone.

- Your own marks count more: right-click a picture. Mark what is worse, too.
- **passed** and **best image** of the scorer are pictures too: wire them where you like.
"""
