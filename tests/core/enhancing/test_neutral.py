from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.enhancing.neutral import MAX_TEXT, harmless, is_refusal, neutral, unwrapped
from orchestrator_core.enhancing.second_look import a1111_weights, comfy_weights
from orchestrator_core.enhancing.spans import split
from tests.core.enhancing.hostile import SNIPPETS, make_answer

ANSWERS = st.text(st.characters(exclude_categories=()), max_size=40) | st.lists(
    st.sampled_from([*SNIPPETS, " ", "light", "A"])
).map("".join)


@given(ANSWERS)
def test_no_answer_leaves_anything_but_words(answer: str) -> None:
    text = neutral(answer)
    assert not [span for span in split(text) if span.is_syntax]
    assert not set(text) & set('()[]{}<>|\\$#%"“”:`')
    assert text.isprintable()
    assert a1111_weights(text) == ([(text, 1.0)] if text else [])
    assert comfy_weights(text) == ([(text, 1.0)] if text else [])


@given(ANSWERS)
def test_what_is_neutral_stays_as_it_is(answer: str) -> None:
    text = harmless(answer)
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("soft light, fog", "soft light, fog"),
        ("soft light, <lora:evil:2>, fog", "soft light, fog"),
        ("(soft light:1.3), [fog], ((deep)) {red|blue} cape", "soft light, fog, deep red blue cape"),
        ("embedding:evil glow, __secret/file__ hat, ${x} $y", "glow, hat, y"),
        ("fog BREAK a dog AND a cat, ADDROW", "fog break a dog and a cat, addrow"),
        ("＜lora：evil：1＞ fog， （deep：1.2）", "fog, deep"),
        ("BRE\u200bAK, r\u00aded, a\u202eb", "break, red, ab"),
        ("fog # the rest is hidden // too", "fog the rest is hidden too"),
        ("light: soft, ratio 16:9, at 5:30", "light, soft, ratio 16 9, at 5 30"),
        ("fog :1.2", "fog, 1.2"),
        ("long_hair, _x_, __", "long_hair, x"),
        ("a\nb\r\n\tc\x00d", "a b c d"),
        ('she says "hi", it\'s 5" tall', "she says hi, it's 5 tall"),
        (",, fog ,;, light ,", "fog, light"),
        ("crème brûlée, 夜の街, мягкий свет, naïve façade", "crème brûlée, 夜の街, мягкий свет, naïve façade"),
        ("<b>bold</b> fog<br/>light", "bold fog light"),
        ("{", ""),
        ("", ""),
    ],
)
def test_words_stay_and_signs_go(answer: str, words: str) -> None:
    assert neutral(answer) == words


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("<think>the user wants (x)</think>\nsoft light", "soft light"),
        ("the template left the opening out</think>soft light", "soft light"),
        ("<think>never ends", ""),
        ("soft light<|im_end|>\n<|im_start|>user\nmore", "soft light"),
        ("<|im_start|>assistant\nsoft light", "soft light"),
        ("<start_of_image><start_of_image>fog", "fog"),
        ("Sure! Here is your enhanced prompt:\n\n**soft light**", "soft light**"),
        ("Certainly, here are some additions: fog", "fog"),
        ("Enhanced prompt: fog", "fog"),
        ("**Your prompt:** fog", "fog"),
        ("assistant: fog", "fog"),
        ('```json\n{"add": ["fog"]}\n```', '{"add": ["fog"]}'),
        ("soft light\n\nNote: I kept the subject.", "soft light"),
        ("soft light\nLet me know if you want more!", "soft light"),
        ("great white shark, open sea", "great white shark, open sea"),
        ("here comes the sun, fog", "here comes the sun, fog"),
    ],
)
def test_what_models_put_around_an_answer_goes(answer: str, text: str) -> None:
    assert unwrapped(answer) == text


def test_json_is_still_json_when_it_is_unwrapped() -> None:
    said = {"add": ["soft light: warm", "a (deep) fog"], "0": "x"}
    assert json.loads(unwrapped(f"<think>{{}}</think>Here is the JSON:\n```json\n{json.dumps(said)}\n```")) == said


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "Sorry, I cannot create this content.",
        "<think>hm</think>I can’t assist with this request.",
        "As an AI language model, I am unable to do so.",
        "Unfortunately, I won't be able to generate that.",
        "抱歉，我不能生成这样的内容。",
        "Lo siento, pero no puedo ayudar con eso.",
    ],
)
def test_a_refusal_gives_nothing(answer: str) -> None:
    assert is_refusal(answer)
    assert neutral(answer) == ""


@pytest.mark.parametrize(
    "answer",
    [
        "a sign that reads I can't help it",
        "an ai robot that is sorry, rain",
        "sorry face, tears",
        "I can't stop dancing, neon light",
        "a woman who says I'm sorry",
        '{"add": ["sorry, I cannot help"]}',
    ],
)
def test_words_of_a_refusal_in_a_prompt_are_none(answer: str) -> None:
    assert not is_refusal(answer)
    assert neutral(answer)


@pytest.mark.parametrize("unit", ["a ", " ", "<think>", "(", "<lora:", "_", ": ", "```", "ok, ", "\u202e", "x", "AND"])
def test_a_megabyte_is_read_quickly_and_cut(unit: str) -> None:
    text = neutral(unit * (1_000_000 // len(unit)))
    assert len(text) <= MAX_TEXT


def test_a_long_answer_is_cut_at_a_comma() -> None:
    assert neutral("soft light, drifting fog, deep shadows", 30) == "soft light, drifting fog"
    assert neutral("ANDROIDS", 3) == "and"  # what a cut leaves is no divider either


def test_answers_of_the_benchmark_are_harmless() -> None:
    for seed in range(500):
        assert not [span for span in split(neutral(make_answer(Random(seed)))) if span.is_syntax]
