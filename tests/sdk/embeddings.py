"""Embeddings, asked for by the official clients, at every provider that has them. Part of matrix.py."""

import base64
import math
import pathlib
import struct
import unittest

import openai
from google import genai
from google.genai import types as genai_types

from stand import KEY, Stand

HERE = pathlib.Path(__file__).parent

MODELS = {
    "openai": "text-embedding-3-small",
    "gemini": "gemini-embedding-001",
    "cohere": "embed-v4.0",
    "bedrock": "amazon.titan-embed-text-v2:0",
    "mistral": "mistral-embed",
    "vertex": "gemini-embedding-001",
    "azure": "text-embedding-3-small",
}
INPUTS = ["the weather in Paris", "a recipe for bread"]
DIMENSIONS = 256


def check(vectors, count, dimensions=None, unit=True):
    """Vectors of one length, no two alike: the simulator makes each from its input alone."""
    assert len(vectors) == count, len(vectors)
    lengths = {len(vector) for vector in vectors}
    assert len(lengths) == 1 and lengths != {0}, lengths
    assert dimensions is None or lengths == {dimensions}, (lengths, dimensions)
    assert len({tuple(vector) for vector in vectors}) == count, "each input has its own vector"
    for vector in vectors:
        assert not unit or math.isclose(math.hypot(*vector), 1, abs_tol=1e-2), math.hypot(*vector)


def alike(some, others):
    pairs = [pair for a, b in zip(some, others, strict=True) for pair in zip(a, b, strict=True)]
    assert all(math.isclose(a, b, abs_tol=1e-5) for a, b in pairs), "the same input, the same vector"


class OpenAi:
    """OpenAI embeddings."""

    name = "openai"

    def __init__(self, stand):
        self.client = openai.OpenAI(base_url=stand.base_url, api_key=KEY, max_retries=0)

    def ask(self, model, inputs, **options):
        answer = self.client.embeddings.create(model=model, input=inputs, **options)
        assert answer.usage.prompt_tokens > 0, answer.usage
        assert [row.index for row in answer.data] == list(range(len(answer.data)))
        return [row.embedding for row in answer.data]

    def one(self, model):
        return self.ask(model, INPUTS[0], encoding_format="float")

    def many(self, model):
        return self.ask(model, INPUTS, encoding_format="float")

    def short(self, model):
        return self.ask(model, INPUTS, encoding_format="float", dimensions=DIMENSIONS)

    def encoded(self, model):
        texts = self.ask(model, INPUTS, encoding_format="base64")
        assert all(isinstance(text, str) for text in texts), "base 64, as asked for"
        return [
            [number for (number,) in struct.iter_unpack("<f", base64.b64decode(text))]
            for text in texts
        ]


class Gemini:
    """Gemini embedContent."""

    name = "gemini"

    def __init__(self, stand):
        options = genai_types.HttpOptions(base_url=stand.root)
        self.client = genai.Client(api_key=KEY, http_options=options)

    def ask(self, model, inputs, **config):
        answer = self.client.models.embed_content(model=model, contents=inputs, config=config or None)
        return [embedding.values for embedding in answer.embeddings]

    def one(self, model):
        return self.ask(model, INPUTS[0])

    def many(self, model):
        return self.ask(model, INPUTS)

    def short(self, model):
        return self.ask(model, INPUTS, output_dimensionality=DIMENSIONS)


APIS = [OpenAi, Gemini]
FEATURES = ["one", "many", "dimensions", "base64"]


def cell(api, provider, feature):
    model = f"{provider}/{MODELS[provider]}"
    if feature == "one":
        check(api.one(model), 1)
    elif feature == "many":
        vectors = api.many(model)
        check(vectors, len(INPUTS))
        alike(vectors[:1], api.one(model))
    elif feature == "dimensions":
        # Gemini cuts vectors off and leaves them short. Its own clients expect that; OpenAI's expect unit vectors.
        unit = api.name != "gemini" or provider not in ("gemini", "vertex")
        check(api.short(model), len(INPUTS), DIMENSIONS, unit)
    else:
        vectors = api.encoded(model)
        check(vectors, len(INPUTS))
        alike(vectors, api.many(model))


class Embeddings(unittest.TestCase):
    """One test for each cell."""

    outcomes = {}

    @classmethod
    def setUpClass(cls):
        cls.stand = Stand((HERE / "providers.toml").read_text())
        cls.apis = {api.name: api(cls.stand) for api in APIS}

    @classmethod
    def tearDownClass(cls):
        cls.stand.stop()


def add_cells():
    for api in APIS:
        for provider in MODELS:
            for feature in FEATURES:

                def test(self, key=(api.name, provider, feature)):
                    name, provider, feature = key
                    if feature == "base64" and name == "gemini":
                        self.outcomes[key] = "–"
                        return
                    self.outcomes[key] = "no"
                    cell(self.apis[name], provider, feature)
                    self.outcomes[key] = "yes"

                setattr(Embeddings, f"test_{api.name}_to_{provider}_{feature}", test)


def table():
    lines = []
    for api in APIS:
        lines += [f"### {api.__doc__.rstrip('.')}", ""]
        lines.append("| provider | " + " | ".join(FEATURES) + " |")
        lines.append("|---" * (len(FEATURES) + 1) + "|")
        for provider in MODELS:
            cells = [Embeddings.outcomes.get((api.name, provider, f), "?") for f in FEATURES]
            lines.append(f"| {provider} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


add_cells()
