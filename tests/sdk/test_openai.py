"""The official OpenAI client, unchanged but for its base URL and key.

Each test is about what an app's programmer sees: objects, exceptions, retries.
"""

import asyncio
import json
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import openai
import pydantic

KEY = "tgk_0123456789abcdef"
NARROW_KEY = "tgk_a_narrow_key_0001"
POOR_KEY = "tgk_a_key_without_money"

CONFIG = """
allow_inline_secrets = true
[server]
listen = "127.0.0.1:{listen}"
admin_listen = "127.0.0.1:{admin}"
[usage]
sink = "file:{usage}"
[providers.alpha]
kind = "openai_compatible"
base_url = "{simulator}/alpha/v1"
keys = ["sk-alpha"]
allow_private_network = true
price = {{ input = "0.50", output = "1.50" }}
[providers.beta]
kind = "openai_compatible"
base_url = "{simulator}/beta/v1"
keys = ["sk-beta"]
allow_private_network = true
price = {{ input = "0.50", output = "1.50" }}
[models."alpha/sim-small"]
[routes.support]
targets = [{{ use = "alpha/sim--status=500" }}, {{ use = "beta/sim-large" }}]
breaker = {{ failures = 1000, ratio = 1.0, min_requests = 1000 }}
[tenants.acme.api_keys.app]
secret = "{key}"
[tenants.acme.api_keys.narrow]
secret = "{narrow_key}"
models = ["support"]
[tenants.acme.api_keys.poor]
secret = "{poor_key}"
[[tenants.acme.budgets]]
name = "pocket money"
api_key = "poor"
limit = "0.000001"
window = "day"
"""

HI = [{"role": "user", "content": "hi"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {field: {"type": "string"}}},
        },
    }
    for name, field in (("weather", "city"), ("time", "zone"))
]


class Stand:
    """A simulator and a gateway in front of it."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.processes = []
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        home = pathlib.Path(self.directory.name)
        self.usage = home / "usage.jsonl"
        simulator, listen, admin = (free_port() for _ in range(3))
        self.simulator = f"http://127.0.0.1:{simulator}"
        self.base_url = f"http://127.0.0.1:{listen}/v1"
        config = home / "tollgate.toml"
        config.write_text(
            CONFIG.format(
                simulator=self.simulator,
                listen=listen,
                admin=admin,
                usage=self.usage,
                key=KEY,
                narrow_key=NARROW_KEY,
                poor_key=POOR_KEY,
            )
        )
        self.launch("provider-simulator", "--listen", f"127.0.0.1:{simulator}")
        self.launch("tollgate-gateway", "--config", str(config))
        self.wait_for(f"{self.simulator}/simulator/health")
        self.wait_for(f"http://127.0.0.1:{admin}/readyz")

    def launch(self, program, *arguments):
        path = pathlib.Path(os.environ["TOLLGATE_BIN_DIR"]) / program
        log = open(pathlib.Path(self.directory.name) / f"{program}.log", "w+")
        process = subprocess.Popen(
            [path, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        self.processes.append((process, log))

    def wait_for(self, url):
        deadline = time.monotonic() + 15
        while True:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except OSError as error:
                ended = any(process.poll() is not None for process, _ in self.processes)
                if ended or deadline < time.monotonic():
                    raise RuntimeError(f"{url}: {error}\n{self.logs()}") from error
            time.sleep(0.05)

    def logs(self):
        texts = []
        for process, log in self.processes:
            log.seek(0)
            texts.append(f"--- {process.args[0]}\n{log.read()}")
        return "\n".join(texts)

    def stop(self):
        while self.processes:
            process, log = self.processes.pop()
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()
        self.directory.cleanup()

    def events(self, wanted):
        """The usage events that fit, once no more are coming."""
        seen = None
        while True:
            text = self.usage.read_text() if self.usage.exists() else ""
            lines = text[: text.rfind("\n") + 1].splitlines()
            found = [event for event in map(json.loads, lines) if wanted(event)]
            if found and seen == len(found):
                return found
            seen = len(found)
            # The file is flushed several times a second.
            time.sleep(0.4)

    def requests(self):
        with urllib.request.urlopen(f"{self.simulator}/simulator/requests") as answer:
            return json.load(answer)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


stand = None


def setUpModule():
    global stand
    stand = Stand()


def tearDownModule():
    stand.stop()


def client(key=KEY, **options):
    options.setdefault("max_retries", 0)
    return openai.OpenAI(base_url=stand.base_url, api_key=key, timeout=20, **options)


class Answers(unittest.TestCase):
    def test_a_chat_is_answered(self):
        answer = client().chat.completions.create(model="alpha/sim--tokens=4", messages=HI)
        self.assertEqual(answer.choices[0].message.content, "the river and house")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.completion_tokens), (7, 4))

    def test_a_route_hides_a_provider_that_fails(self):
        raw = client().chat.completions.with_raw_response.create(model="support", messages=HI)
        self.assertEqual(raw.headers["x-tollgate-model"], "beta/sim-large")
        self.assertEqual(raw.headers["x-tollgate-attempts"], "2")
        self.assertTrue(raw.request_id)
        self.assertEqual(raw.parse().model, "sim-large")

    def test_a_chat_is_streamed(self):
        stream = client().chat.completions.create(
            model="alpha/sim--tokens=4", messages=HI, stream=True
        )
        chunks = list(stream)
        self.assertTrue(all(chunk.choices for chunk in chunks), "nobody asked for usage")
        words = [chunk.choices[0].delta.content or "" for chunk in chunks]
        self.assertEqual("".join(words), "the river and house")
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

    def test_a_stream_tells_its_usage_when_asked(self):
        stream = client().chat.completions.create(
            model="alpha/sim--tokens=4",
            messages=HI,
            stream=True,
            stream_options={"include_usage": True},
        )
        *chunks, last = list(stream)
        self.assertTrue(all(chunk.usage is None for chunk in chunks))
        self.assertEqual(last.choices, [])
        self.assertEqual((last.usage.prompt_tokens, last.usage.completion_tokens), (7, 4))

    def test_the_stream_helper_gathers_the_answer(self):
        with client().chat.completions.stream(model="alpha/sim--tokens=4", messages=HI) as stream:
            deltas = [event.delta for event in stream if event.type == "content.delta"]
            final = stream.get_final_completion()
        self.assertEqual("".join(deltas), "the river and house")
        self.assertEqual(final.choices[0].message.content, "the river and house")

    def test_a_stream_can_be_left(self):
        stream = client().chat.completions.create(
            model="alpha/sim-left--gap=20--tokens=1000", messages=HI, stream=True
        )
        for _, _ in zip(range(5), stream):
            pass
        stream.close()
        [event] = stand.events(lambda event: "sim-left" in event["requested"])
        self.assertEqual(event["status"], 499)

    def test_the_async_client_works_too(self):
        async def ask():
            async with openai.AsyncOpenAI(base_url=stand.base_url, api_key=KEY) as app:
                asked = [
                    app.chat.completions.create(model=f"alpha/sim--tokens={n}", messages=HI)
                    for n in range(1, 6)
                ]
                return [answer.usage.completion_tokens for answer in await asyncio.gather(*asked)]

        self.assertEqual(asyncio.run(ask()), [1, 2, 3, 4, 5])

    def test_several_choices(self):
        answer = client().chat.completions.create(model="alpha/sim--tokens=2", messages=HI, n=2)
        contents = [choice.message.content for choice in answer.choices]
        self.assertEqual(contents, ["the river", "time with"])

    def test_parallel_tool_calls(self):
        answer = client().chat.completions.create(
            model="alpha/sim--tools=2", messages=HI, tools=TOOLS
        )
        calls = answer.choices[0].message.tool_calls
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        self.assertEqual([call.function.name for call in calls], ["weather", "time"])
        self.assertEqual([list(json.loads(call.function.arguments)) for call in calls], [["city"], ["zone"]])
        self.assertEqual(len({call.id for call in calls}), 2)

    def test_parallel_tool_calls_are_streamed(self):
        stream = client().chat.completions.create(
            model="alpha/sim--tools=2", messages=HI, tools=TOOLS, stream=True
        )
        calls = {}
        for chunk in stream:
            for delta in chunk.choices[0].delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"id": delta.id, "name": "", "arguments": ""})
                call["name"] += delta.function.name or ""
                call["arguments"] += delta.function.arguments or ""
        self.assertEqual([call["name"] for call in calls.values()], ["weather", "time"])
        for call in calls.values():
            self.assertTrue(call["id"] and json.loads(call["arguments"]))

    def test_a_tools_result_can_be_sent_back(self):
        app = client()
        first = app.chat.completions.create(model="alpha/sim--tools", messages=HI, tools=TOOLS)
        call = first.choices[0].message.tool_calls[0]
        messages = [
            *HI,
            first.choices[0].message,
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        ]
        answer = app.chat.completions.create(model="alpha/sim-large", messages=messages, tools=TOOLS)
        self.assertTrue(answer.choices[0].message.content)

    def test_structured_answers_are_parsed(self):
        class City(pydantic.BaseModel):
            name: str
            people: int

        answer = client().chat.completions.parse(
            model="alpha/sim-large", messages=HI, response_format=City
        )
        self.assertIsInstance(answer.choices[0].message.parsed, City)

    def test_embeddings_as_the_client_asks_for_them(self):
        app = client()
        both = app.embeddings.create(model="alpha/sim-embed", input=["one", "two texts"])
        floats = app.embeddings.create(
            model="alpha/sim-embed", input=["one", "two texts"], encoding_format="float"
        )
        for encoded, plain in zip(both.data, floats.data, strict=True):
            self.assertEqual(len(encoded.embedding), 1536)
            self.assertTrue(math.isclose(math.hypot(*encoded.embedding), 1, abs_tol=1e-3))
            near = all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(encoded.embedding, plain.embedding))
            self.assertTrue(near)
        formats = [
            json.loads(request["body"]).get("encoding_format")
            for request in stand.requests()
            if request["path"].endswith("/embeddings")
        ]
        self.assertIn("base64", formats, "the client's own default went up")

    def test_models_are_listed(self):
        ids = sorted(model.id for model in client().models.list())
        self.assertEqual(ids, ["alpha/sim--status=500", "alpha/sim-small", "beta/sim-large", "support"])
        self.assertEqual([model.id for model in client(NARROW_KEY).models.list()], ["support"])

    def test_one_model_is_found_by_its_name(self):
        self.assertEqual(client().models.retrieve("support").id, "support")
        self.assertEqual(client().models.retrieve("alpha/sim-small").id, "alpha/sim-small")

    def test_what_the_client_adds_is_carried(self):
        client().chat.completions.create(
            model="alpha/sim-carried",
            messages=HI,
            user="u-1",
            extra_headers={"x-tollgate-metadata": json.dumps({"ticket": "T-1"})},
            extra_body={"a_field_of_next_year": {"deep": [1.5]}},
        )
        [event] = stand.events(lambda event: event["requested"] == "alpha/sim-carried")
        self.assertEqual((event["user"], event["metadata"]), ("u-1", {"ticket": "T-1"}))
        [body] = [
            json.loads(request["body"])
            for request in stand.requests()
            if request["model"] == "sim-carried"
        ]
        self.assertEqual(body["a_field_of_next_year"], {"deep": [1.5]})


class Errors(unittest.TestCase):
    def ask(self, key=KEY, retries=0, **request):
        request = {"model": "alpha/sim-large", "messages": HI} | request
        return client(key, max_retries=retries).chat.completions.create(**request)

    def failure(self, kind, code, **request):
        with self.assertRaises(kind) as caught:
            self.ask(**request)
        error = caught.exception
        self.assertIs(type(error), kind)
        self.assertEqual(error.code, code, error.body)
        self.assertTrue(error.body["message"] and error.body["type"])
        return error

    def test_a_wrong_key(self):
        self.failure(openai.AuthenticationError, "invalid_api_key", key="tgk_nobody_has_this_key")

    def test_a_model_that_does_not_exist(self):
        error = self.failure(openai.NotFoundError, "model_not_found", model="no-such-model")
        self.assertEqual(error.param, "model")

    def test_a_model_that_the_key_may_not_use(self):
        self.failure(openai.PermissionDeniedError, "model_not_allowed", key=NARROW_KEY)

    def test_a_wrong_parameter_is_named(self):
        error = self.failure(openai.BadRequestError, "invalid_value", max_tokens=-1)
        self.assertEqual(error.param, "max_tokens")

    def test_the_providers_own_words(self):
        error = self.failure(
            openai.BadRequestError, "context_length_exceeded", model="alpha/sim--context_length"
        )
        self.assertIn("maximum context length", error.message)

    def test_a_providers_failure(self):
        self.failure(openai.InternalServerError, "upstream_error", model="alpha/sim--status=500")

    def test_a_failure_in_the_middle_of_a_stream(self):
        words = []
        with self.assertRaises(openai.APIError) as caught:
            for chunk in self.ask(model="alpha/sim--truncate=3", stream=True):
                words.append(chunk.choices[0].delta.content)
        self.assertEqual(words, ["", "the", " river", " and"])
        self.assertEqual(caught.exception.code, "upstream_truncated")

    def test_a_providers_rate_limit(self):
        # A provider of its own: the limit puts its key out of use for a while.
        error = self.failure(
            openai.RateLimitError, "rate_limit_exceeded", model="beta/sim--rate_limit=1"
        )
        self.assertEqual(error.response.headers["retry-after"], "1")
        time.sleep(1.2)

    def test_a_used_up_budget_is_told_and_not_retried(self):
        error = self.failure(openai.RateLimitError, "budget_exceeded", key=POOR_KEY, retries=2)
        self.assertEqual(error.response.headers["x-should-retry"], "false")
        self.assertEqual(error.body["budget"]["name"], "pocket money")
        self.assertTrue(error.response.headers["retry-after"])
        self.assertEqual(len(stand.events(lambda event: event["api_key"] == "poor")), 1)

    def test_what_may_pass_is_retried(self):
        with self.assertRaises(openai.InternalServerError):
            self.ask(model="alpha/sim-again--status=503", retries=1)
        events = stand.events(lambda event: "sim-again" in event["requested"])
        self.assertEqual([event["status"] for event in events], [503, 503])

    def test_a_gateway_that_is_not_there(self):
        with self.assertRaises(openai.APIConnectionError):
            nobody = openai.OpenAI(
                base_url=f"http://127.0.0.1:{free_port()}/v1", api_key=KEY, max_retries=0
            )
            nobody.models.list()


def main():
    # Asked to end, it still stops its processes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = unittest.main(exit=False, verbosity=2).result
    finally:
        if stand:
            stand.stop()
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)


if __name__ == "__main__":
    main()
