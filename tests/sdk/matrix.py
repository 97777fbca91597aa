"""Every API that apps speak, with its official client, against every wire format that providers speak.

The clients are unchanged but for base URL and key; the providers are simulated and strict. Each cell of the matrix is a
test of its own. With --table FILE the matrix is written there as a Markdown table.
"""

import base64
import json
import pathlib
import re
import struct
import sys
import unittest
import zlib

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

import embeddings
import media
from embeddings import Embeddings  # noqa: F401: unittest runs what it finds here.
from media import Media  # noqa: F401
from stand import KEY, Stand, with_limited

HERE = pathlib.Path(__file__).parent

# The model that a feature is tried with, for each provider: the simulator does what the name says.
MODELS = {
    "openai": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro",
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0",
    "cohere": "command-a-03-2025",
    "mistral": "mistral-large-latest--tells_usage",
    "vertex": "gemini-3-pro",
    "azure": "gpt-4o",
}
REASONING = {
    "openai": "o3--reasoning=40",
    "anthropic": "claude-sonnet-4-5--thinking=40",
    "gemini": "gemini-3-pro--thinking=40",
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0--thinking=40",
    "cohere": "command-a-reasoning-08-2025--thinking=40",
    "mistral": "magistral-medium-latest--tells_usage--reasoning=40",
    "vertex": "gemini-3-pro--thinking=40",
    "azure": "o3--reasoning=40",
}
# Providers that count their reasoning and never show it.
HIDDEN_REASONING = {"openai", "mistral", "azure"}
QUESTION = "What is the weather in Paris?"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The city."}},
    "required": ["city"],
}
TOOLS = ["get_weather", "get_time"]


def png():
    """A red square of 8 by 8."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\x00" + b"\xff\x00\x00" * 8 for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


PNG = base64.b64encode(png()).decode()


class Said:
    """An answer, as any client tells it."""

    def __init__(self, text="", calls=(), stop=None, usage=None, reasoning="", turn=None):
        self.text, self.calls, self.stop, self.usage = text, list(calls), stop, usage
        self.reasoning, self.turn = reasoning, turn


class Chat:
    """OpenAI chat completions."""

    name = "chat"
    stops = {"end": "stop", "tool": "tool_calls", "length": "length"}

    def __init__(self, stand):
        self.client = openai.OpenAI(base_url=stand.base_url, api_key=KEY, max_retries=0)
        self.rate_limit = openai.RateLimitError
        self.broken = openai.APIError

    def first(self, image=False):
        if not image:
            return [{"role": "user", "content": QUESTION}]
        url = f"data:image/png;base64,{PNG}"
        parts = [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        return [{"role": "user", "content": parts}]

    def options(self, tools, force, schema, reasoning):
        options = {}
        if tools:
            options["tools"] = [
                {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
                for name in tools
            ]
        if force:
            options["tool_choice"] = "required"
        if schema:
            options["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True},
            }
        if reasoning:
            options["reasoning_effort"] = "low"
        return options

    def ask(self, model, turns, stream=False, tools=(), force=False, schema=False, reasoning=False):
        options = self.options(tools, force, schema, reasoning)
        if stream:
            options |= {"stream": True, "stream_options": {"include_usage": True}}
        answer = self.client.chat.completions.create(model=model, messages=turns, **options)
        return self.streamed(answer) if stream else self.whole(answer)

    def whole(self, answer):
        choice = answer.choices[0]
        message = choice.message
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or []
        ]
        reasoning = getattr(message, "reasoning_content", None) or ""
        turn = message.model_dump(exclude_none=True)
        usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return Said(message.content or "", calls, choice.finish_reason, usage, reasoning, turn)

    def streamed(self, chunks):
        text, reasoning, stop, usage, calls, ids = "", "", None, None, {}, set()
        for chunk in chunks:
            ids.add(chunk.id)
            if chunk.usage:
                assert not chunk.choices, "usage comes in a chunk of its own"
                usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices:
                delta = choice.delta
                text += delta.content or ""
                reasoning += getattr(delta, "reasoning_content", None) or ""
                stop = choice.finish_reason or stop
                for call in delta.tool_calls or []:
                    slot = calls.setdefault(call.index, {"id": None, "name": None, "arguments": ""})
                    slot["id"] = slot["id"] or call.id
                    slot["name"] = slot["name"] or call.function.name
                    slot["arguments"] += call.function.arguments or ""
        assert len(ids) == 1, f"one id in all chunks: {ids}"
        assert sorted(calls) == list(range(len(calls))), f"calls count from 0: {sorted(calls)}"
        told = [(c["id"], c["name"], json.loads(c["arguments"])) for _, c in sorted(calls.items())]
        turn = {"role": "assistant", "content": text or None}
        if told:
            turn["tool_calls"] = [
                {
                    "id": id,
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for id, name, arguments in told
            ]
        return Said(text, told, stop, usage, reasoning, turn)

    def answered(self, turns, said):
        results = [
            {"role": "tool", "tool_call_id": id, "content": f"result of {name}"}
            for id, name, _ in said.calls
        ]
        return [*turns, said.turn, *results]


class Responses:
    """OpenAI responses."""

    name = "responses"
    stops = {"end": "completed", "tool": "completed", "length": "incomplete"}

    def __init__(self, stand):
        self.client = openai.OpenAI(base_url=stand.base_url, api_key=KEY, max_retries=0)
        self.rate_limit = openai.RateLimitError
        self.broken = openai.APIError

    def first(self, image=False):
        if not image:
            return [{"role": "user", "content": QUESTION}]
        parts = [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
        ]
        return [{"role": "user", "content": parts}]

    def ask(self, model, turns, stream=False, tools=(), force=False, schema=False, reasoning=False):
        options = {"store": False}
        if tools:
            options["tools"] = [
                {"type": "function", "name": name, "parameters": PARAMETERS, "strict": False}
                for name in tools
            ]
        if force:
            options["tool_choice"] = "required"
        if schema:
            options["text"] = {
                "format": {"type": "json_schema", "name": "weather", "schema": SCHEMA, "strict": True}
            }
        if reasoning:
            options["reasoning"] = {"effort": "low", "summary": "auto"}
        if not stream:
            return self.whole(self.client.responses.create(model=model, input=turns, **options))
        text = ""
        with self.client.responses.stream(model=model, input=turns, **options) as events:
            numbers = []
            for event in events:
                numbers.append(event.sequence_number)
                if event.type == "response.output_text.delta":
                    text += event.delta
                if event.type in ("error", "response.failed"):
                    raise openai.APIError(str(event), request=None, body=None)
            assert numbers == sorted(set(numbers)), "sequence numbers rise"
            said = self.whole(events.get_final_response())
        assert said.text == text, "the deltas add up to the text"
        return said

    def whole(self, answer):
        calls, reasoning = [], ""
        for item in answer.output:
            if item.type == "function_call":
                calls.append((item.call_id, item.name, json.loads(item.arguments)))
            if item.type == "reasoning":
                reasoning += "".join(part.text for part in item.summary)
                reasoning += "".join(part.text for part in item.content or [])
        usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        turn = [item.model_dump(exclude_none=True) for item in answer.output]
        for item in turn:
            item.pop("parsed_arguments", None)
            for part in item.get("content") or []:
                part.pop("parsed", None)
        return Said(answer.output_text, calls, answer.status, usage, reasoning, turn)

    def answered(self, turns, said):
        results = [
            {"type": "function_call_output", "call_id": id, "output": f"result of {name}"}
            for id, name, _ in said.calls
        ]
        return [*turns, *said.turn, *results]


class Messages:
    """Anthropic messages."""

    name = "messages"
    stops = {"end": "end_turn", "tool": "tool_use", "length": "max_tokens"}

    def __init__(self, stand):
        self.client = anthropic.Anthropic(base_url=stand.root, api_key=KEY, max_retries=0)
        self.rate_limit = anthropic.RateLimitError
        self.broken = anthropic.APIError

    def first(self, image=False):
        if not image:
            return [{"role": "user", "content": QUESTION}]
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        parts = [
            {"type": "image", "source": source},
            {"type": "text", "text": "What is this?"},
        ]
        return [{"role": "user", "content": parts}]

    def ask(self, model, turns, stream=False, tools=(), force=False, schema=False, reasoning=False):
        options = {"max_tokens": 4000}
        if tools:
            options["tools"] = [{"name": name, "input_schema": PARAMETERS} for name in tools]
        if force:
            options["tool_choice"] = {"type": "any"}
        if schema:
            options["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if reasoning:
            options["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if not stream:
            return self.whole(self.client.messages.create(model=model, messages=turns, **options))
        text = ""
        with self.client.messages.stream(model=model, messages=turns, **options) as events:
            for event in events:
                if event.type == "text":
                    text += event.text
            said = self.whole(events.get_final_message())
        assert said.text == text, "the deltas add up to the text"
        return said

    def whole(self, answer):
        text, calls, reasoning = "", [], ""
        for block in answer.content:
            if block.type == "text":
                text += block.text
            if block.type == "tool_use":
                calls.append((block.id, block.name, block.input))
            if block.type == "thinking":
                reasoning += block.thinking
        usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        content = [block.model_dump(exclude_none=True) for block in answer.content]
        for block in content:
            block.pop("parsed_output", None)
        turn = {"role": "assistant", "content": content}
        return Said(text, calls, answer.stop_reason, usage, reasoning, turn)

    def answered(self, turns, said):
        results = [
            {"type": "tool_result", "tool_use_id": id, "content": f"result of {name}"}
            for id, name, _ in said.calls
        ]
        return [*turns, said.turn, {"role": "user", "content": results}]


class Gemini:
    """Gemini generateContent."""

    name = "gemini"
    stops = {"end": "STOP", "tool": "STOP", "length": "MAX_TOKENS"}

    def __init__(self, stand):
        options = genai_types.HttpOptions(base_url=stand.root)
        self.client = genai.Client(api_key=KEY, http_options=options)
        self.rate_limit = genai_errors.APIError
        self.broken = genai_errors.APIError

    def first(self, image=False):
        parts = [genai_types.Part(text="What is this?" if image else QUESTION)]
        if image:
            parts.append(genai_types.Part.from_bytes(data=png(), mime_type="image/png"))
        return [genai_types.Content(role="user", parts=parts)]

    def ask(self, model, turns, stream=False, tools=(), force=False, schema=False, reasoning=False):
        config = {"automatic_function_calling": {"disable": True}}
        if tools:
            declarations = [
                {"name": name, "parameters_json_schema": PARAMETERS} for name in tools
            ]
            config["tools"] = [{"function_declarations": declarations}]
        if force:
            config["tool_config"] = {"function_calling_config": {"mode": "ANY"}}
        if schema:
            config["response_mime_type"] = "application/json"
            config["response_json_schema"] = SCHEMA
        if reasoning:
            config["thinking_config"] = {"include_thoughts": True, "thinking_level": "low"}
        if stream:
            chunks = self.client.models.generate_content_stream(
                model=model, contents=turns, config=config
            )
        else:
            chunks = [
                self.client.models.generate_content(model=model, contents=turns, config=config)
            ]
        return self.collected(chunks)

    def collected(self, chunks):
        text, reasoning, calls, stop, usage, parts = "", "", [], None, None, []
        for chunk in chunks:
            if chunk.usage_metadata and chunk.usage_metadata.prompt_token_count:
                told = chunk.usage_metadata
                output = (told.candidates_token_count or 0) + (told.thoughts_token_count or 0)
                usage = (told.prompt_token_count, output)
            for candidate in chunk.candidates or []:
                if candidate.finish_reason:
                    stop = candidate.finish_reason.name
                for part in (candidate.content and candidate.content.parts) or []:
                    parts.append(part)
                    if part.thought:
                        reasoning += part.text or ""
                    elif part.text:
                        text += part.text
                    if part.function_call:
                        call = part.function_call
                        calls.append((call.id or call.name, call.name, dict(call.args or {})))
        turn = genai_types.Content(role="model", parts=parts)
        return Said(text, calls, stop, usage, reasoning, turn)

    def answered(self, turns, said):
        parts = [
            genai_types.Part(
                function_response=genai_types.FunctionResponse(
                    id=part.function_call.id,
                    name=part.function_call.name,
                    response={"output": f"result of {part.function_call.name}"},
                )
            )
            for part in said.turn.parts
            if part.function_call
        ]
        return [*turns, said.turn, genai_types.Content(role="user", parts=parts)]


APIS = [Chat, Responses, Messages, Gemini]


class Features:
    """What is tried in each cell. A feature raises if it does not work."""

    def __init__(self, api, provider):
        self.api, self.provider = api, provider

    def model(self, directives=""):
        return f"{self.provider}/{MODELS[self.provider]}{directives}"

    def used(self, said):
        assert said.usage and min(said.usage) > 0, f"usage is told: {said.usage}"

    def plain(self):
        said = self.api.ask(self.model(), self.api.first())
        assert said.text and said.stop == self.api.stops["end"], (said.text, said.stop)
        self.used(said)

    def stream(self):
        said = self.api.ask(self.model(), self.api.first(), stream=True)
        assert said.text and said.stop == self.api.stops["end"], (said.text, said.stop)
        self.used(said)
        whole = self.api.ask(self.model(), self.api.first())
        assert said.text == whole.text, (said.text, whole.text)
        assert said.usage == whole.usage, (said.usage, whole.usage)

    def loop(self, count, stream):
        model = self.model(f"--tools={count}")
        tools = TOOLS[:count]
        turns = self.api.first()
        said = self.api.ask(model, turns, stream=stream, tools=tools, force=count == 1)
        assert len(said.calls) == count, said.calls
        assert len({id for id, _, _ in said.calls}) == count, said.calls
        assert {name for _, name, _ in said.calls} <= set(TOOLS), said.calls
        assert all(isinstance(arguments.get("city"), str) for _, _, arguments in said.calls)
        assert said.stop == self.api.stops["tool"], said.stop
        turns = self.api.answered(turns, said)
        said = self.api.ask(self.model(), turns, stream=stream, tools=tools)
        assert said.text and not said.calls, (said.text, said.calls)

    def tool(self):
        self.loop(1, stream=False)

    def parallel_tools(self):
        self.loop(2, stream=False)

    def streamed_tools(self):
        self.loop(1, stream=True)
        self.loop(2, stream=True)

    def vision(self):
        said = self.api.ask(self.model(), self.api.first(image=True))
        assert said.text, "an answer about an image"

    def json_schema(self):
        said = self.api.ask(self.model(), self.api.first(), schema=True)
        value = json.loads(said.text)
        assert isinstance(value["city"], str) and isinstance(value["degrees"], int), value
        assert said.stop == self.api.stops["end"], said.stop

    def reasoning(self):
        for stream in (False, True):
            model = f"{self.provider}/{REASONING[self.provider]}"
            said = self.api.ask(model, self.api.first(), reasoning=True, stream=stream)
            assert said.text, "an answer after the reasoning"
            if self.provider not in HIDDEN_REASONING:
                assert said.reasoning, "the reasoning is shown"

    def errors(self):
        try:
            # A provider of its own: its key has to cool down afterwards.
            self.api.ask(f"limited-{self.model('--rate_limit=1')}", self.api.first())
        except self.api.rate_limit:
            pass
        else:
            raise AssertionError("a rate limit is an error of its own class")
        try:
            self.api.ask(self.model("--error=3"), self.api.first(), stream=True)
        except self.api.broken:
            pass
        except (json.JSONDecodeError, ValueError) as error:
            raise AssertionError(f"a broken stream is not understood: {error}") from error
        else:
            raise AssertionError("a broken stream raises")


FEATURES = [
    "plain",
    "stream",
    "tool",
    "parallel_tools",
    "streamed_tools",
    "vision",
    "json_schema",
    "reasoning",
    "errors",
]
# What a provider's own API has not, so that nobody can ask for it.
CANNOT = {
    ("cohere", "vision"): "the model takes no images",
}


class Matrix(unittest.TestCase):
    """One test for each cell."""

    outcomes = {}

    @classmethod
    def setUpClass(cls):
        cls.stand = Stand(with_limited((HERE / "providers.toml").read_text()))
        cls.apis = {api.name: api(cls.stand) for api in APIS}

    @classmethod
    def tearDownClass(cls):
        cls.stand.stop()

    def cell(self, api, provider, feature):
        key = (api, provider, feature)
        if (provider, feature) in CANNOT:
            self.outcomes[key] = "–"
            return
        self.outcomes[key] = "no"
        getattr(Features(self.apis[api], provider), feature)()
        self.outcomes[key] = "yes"


def add_cells():
    for api in APIS:
        for provider in MODELS:
            for feature in FEATURES:

                def test(self, cell=(api.name, provider, feature)):
                    self.cell(*cell)

                setattr(Matrix, f"test_{api.name}_to_{provider}_{feature}", test)


def table(outcomes):
    lines = []
    for api in APIS:
        lines += [f"### {api.__doc__.rstrip('.')}", ""]
        lines.append("| provider | " + " | ".join(f.replace("_", " ") for f in FEATURES) + " |")
        lines.append("|---" * (len(FEATURES) + 1) + "|")
        for provider in MODELS:
            cells = [outcomes.get((api.name, provider, feature), "?") for feature in FEATURES]
            lines.append(f"| {provider} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


add_cells()

if __name__ == "__main__":
    path = None
    if "--table" in sys.argv:
        at = sys.argv.index("--table")
        path = sys.argv[at + 1]
        del sys.argv[at : at + 2]
    program = unittest.main(exit=False, verbosity=0)
    result = program.result
    if path:
        tables = [table(Matrix.outcomes), embeddings.table(), media.table()]
        pathlib.Path(path).write_text("\n".join(tables))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(bool(failed))
