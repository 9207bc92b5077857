"""Hypothesis strategies for small templates that mean something, over one small pack of wildcards."""

from __future__ import annotations

from hypothesis import strategies as st

PACK = {
    "plain.txt": "red\nblue\n# a comment\n\n3::green\n",
    "nested.txt": "{x|y} z\n__plain__!\nz\n",
    "double.txt": "red\nred\nblue\n",
    "deep/tree.yaml": "tree:\n  leaf:\n  - oak\n  - 2::elm\n  - {text: 'fir {a|b}', weight: 0.5}\n  one: single\n",
    "set.txt": "${v=1}${v}\n${v:none}\n",
    "sends.yaml": "sends:\n  - {text: day, negative: night}\n  - dusk<ppp:stn>dawn<ppp:/stn>\n",
    "counted.yaml": "counted:\n  - {count: 2, separator: ' & '}\n  - p\n  - q\n  - r\n",
}
NAMES = ["plain", "nested", "double", "tree/leaf", "tree/one", "tree/*", "set", "counted", "missing", "*"]
WORDS = st.sampled_from(
    ["a", "b ", " c", ", ", "(x:1.2)", "((y))", "[z]", "[u:v:0.5]", "é", "", " - ", "<lora:l__m:1>"]
)


def options(inner: st.SearchStrategy[str], weights: bool) -> st.SearchStrategy[str]:
    prefix = st.sampled_from(["", "", "", "2::", "0.5::", "0::"]) if weights else st.just("")
    return st.lists(st.tuples(prefix, inner).map("".join), min_size=1, max_size=4).map("|".join)


def variants(inner: st.SearchStrategy[str], *, weights: bool = True) -> st.SearchStrategy[str]:
    count = st.sampled_from(["", "", "", "2$$", "1-2$$", "0-1$$", "2$$ & $$", "-2$$", "2-$$", "r2$$", "3$$|$$"])
    return st.tuples(count, options(inner, weights)).map(lambda parts: "{" + "".join(parts) + "}")


wildcards = st.sampled_from(NAMES).flatmap(
    lambda name: st.sampled_from([f"__{name}__", f"__{name}__", f"{{2$${'__' + name + '__'}}}", f"__1-2$${name}__"])
)


def extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Syntax in which one choice may change what another can be."""
    return st.one_of(
        # not made of itself: that ends too (see test_budgets.py), but only after 50,000 steps
        inner.map(lambda text: f"${{v={text.replace('${v', '${u')}}}"),
        inner.map(lambda text: f"${{v=!{text}}}"),
        inner.map(lambda text: f"${{v?=!{text}}}"),
        inner.map(lambda text: f"${{v+={text}}}"),
        st.just("${v}"),
        inner.map(lambda text: f"${{v:{text}}}"),
        st.tuples(inner, inner, inner).map(lambda t: f"%{{{t[0]}…{t[1]}$${t[2]}}}"),
        st.tuples(inner, inner).map(lambda t: f"<ppp:if v eq 'a'>{t[0]}<ppp:else>{t[1]}<ppp:/if>"),
        st.tuples(inner, inner).map(lambda t: "{if v::" + t[0] + "|" + t[1] + "}"),
        inner.map(lambda text: f"<ppp:stn>{text}<ppp:/stn>"),
        st.sampled_from(
            ["__sends__", "__tree/${v:leaf}__", "__set(v={a|b})__", "__tree/{leaf|one}__", "{%0.5::include plain|k}"]
        ),
    )


def sequences(pieces: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(pieces, max_size=most).map("".join)


# what has a space of its own: no part changes another
plain_templates = sequences(
    st.recursive(WORDS, lambda inner: st.one_of(variants(sequences(inner, 2)), wildcards), max_leaves=6), 4
)

# single picks of equal odds: all of a few outcomes turn up soon
even_templates = sequences(
    st.recursive(
        WORDS,
        lambda inner: st.one_of(
            st.lists(sequences(inner, 2), min_size=1, max_size=3).map(lambda found: "{" + "|".join(found) + "}"),
            st.sampled_from(["__plain__", "__nested__", "__tree/leaf__"]),
        ),
        max_leaves=5,
    ),
    3,
)

# everything that can be listed
templates = sequences(
    st.recursive(
        WORDS,
        lambda inner: st.one_of(variants(sequences(inner, 2)), wildcards, extended(sequences(inner, 2))),
        max_leaves=6,
    ),
    4,
)

# and what stays random or goes in turn
mixed_templates = sequences(
    st.one_of(templates, templates, st.sampled_from(["{~a|b|c}", "{@a|b}", "__@plain__", "__~plain__", "{!a|b}"])), 3
)
