"""The other APIs of OpenAI (completions, moderations, images, speech, transcriptions) and rerank, asked for by the official
client, at every provider that has them, and refused in words where a provider does not. Part of matrix.py."""

import base64
import io
import pathlib
import unittest
import wave

import openai

from stand import KEY, Stand, with_limited

HERE = pathlib.Path(__file__).parent

# The model of each endpoint at each provider that serves it.
CHAT = {
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro",
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0",
    "cohere": "command-a-03-2025",
    "mistral": "mistral-large-latest--tells_usage",
    "vertex": "gemini-3-pro",
}
MODELS = {
    "completions": {"openai": "gpt-3.5-turbo-instruct", "azure": "gpt-35", "together": "mixtral"} | CHAT,
    "moderations": {"openai": "omni-moderation-latest", "mistral": "mistral-moderation-latest"},
    "rerank": {"cohere": "rerank-v3.5", "together": "rerank-v1"},
    "images": {"openai": "gpt-image-1", "azure": "gpt-image-1", "together": "gpt-image-like"},
    "speech": {"openai": "tts-1", "azure": "tts-1", "together": "sonic-2"},
    "transcriptions": {
        "openai": "whisper-1",
        "azure": "whisper-1",
        "mistral": "voxtral-mini",
        "together": "whisper-large-v3",
    },
}
FEATURES = {
    "completions": ["plain", "stream", "choices", "errors"],
    "moderations": ["plain", "many", "errors"],
    "rerank": ["plain", "documents", "errors"],
    "images": ["plain", "stream", "edit", "errors"],
    "speech": ["plain", "stream", "events", "errors"],
    "transcriptions": ["plain", "stream", "text", "subtitles", "verbose", "translation", "errors"],
}
# Providers that give one answer at a time.
CANNOT = {("completions", provider, "choices") for provider in ("anthropic", "bedrock", "cohere")}
DOCUMENTS = ["water", "a red house", "a house"]
PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"
SECONDS = 2


def sound():
    """Two seconds of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 8000 * SECONDS)
    return ("sound.wav", out.getvalue())


class Asked:
    """One client; each method is a feature of an endpoint and checks what came."""

    def __init__(self, stand):
        self.stand = stand
        self.client = openai.OpenAI(base_url=stand.base_url, api_key=KEY, max_retries=0)

    def limited(self, call):
        """A rate limit is the client's own exception, and says when to come again."""
        try:
            call()
        except openai.RateLimitError as error:
            # Bedrock does not say how long; then it is a second.
            assert int(error.response.headers["retry-after"]) in (1, 7), error.response.headers
            assert error.body["message"], error.body
        else:
            raise AssertionError("nothing was raised")

    # Completions

    def completions_plain(self, model):
        raw = self.client.completions.with_raw_response.create(model=model, prompt="Once", max_tokens=8)
        answer = raw.parse()
        choice = answer.choices[0]
        assert answer.object == "text_completion" and choice.text, answer
        assert choice.finish_reason == "length", answer
        # Cohere counts more than the text.
        assert answer.usage.completion_tokens >= 8 and answer.usage.prompt_tokens > 0, answer.usage
        assert float(raw.headers["x-tollgate-cost-usd"]) > 0

    def completions_stream(self, model):
        whole = self.client.completions.create(model=model, prompt="Once", max_tokens=8)
        chunks = list(
            self.client.completions.create(
                model=model,
                prompt="Once",
                max_tokens=8,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
        assert text == whole.choices[0].text, (text, whole)
        assert chunks[-1].usage == whole.usage, chunks[-1]

    def completions_choices(self, model):
        answer = self.client.completions.create(model=model, prompt="Once", max_tokens=4, n=2)
        assert [choice.index for choice in answer.choices] == [0, 1], answer

    def completions_errors(self, model):
        ask = self.client.completions.create
        self.limited(lambda: ask(model=f"limited-{model}--rate_limit=7", prompt="Once"))

    # Moderations

    def moderations_plain(self, model):
        answer = self.client.moderations.create(model=model, input="I will kill it")
        result = answer.results[0]
        assert result.flagged and result.categories.violence, answer
        assert not result.categories.hate and result.category_scores.violence > 0.9, answer

    def moderations_many(self, model):
        answer = self.client.moderations.create(model=model, input=["I like it", "I will kill it"])
        assert [result.flagged for result in answer.results] == [False, True], answer

    def moderations_errors(self, model):
        ask = self.client.moderations.create
        self.limited(lambda: ask(model=f"limited-{model}--rate_limit=7", input="a"))

    # Rerank

    def rerank(self, model, **options):
        body = {"model": model, "query": "red house", "documents": DOCUMENTS} | options
        return self.client.post("/rerank", body=body, cast_to=object)

    def rerank_plain(self, model):
        answer = self.rerank(model, top_n=2)
        assert [result["index"] for result in answer["results"]] == [1, 2], answer
        assert answer["results"][0]["relevance_score"] > answer["results"][1]["relevance_score"]

    def rerank_documents(self, model):
        answer = self.rerank(model, return_documents=True)
        texts = [result["document"]["text"] for result in answer["results"]]
        assert texts == ["a red house", "a house", "water"], answer

    def rerank_errors(self, model):
        self.limited(lambda: self.rerank(f"limited-{model}--rate_limit=7"))

    # Images

    def picture(self, data):
        assert base64.b64decode(data).startswith(b"\x89PNG"), data
        return data

    def images_plain(self, model):
        raw = self.client.images.with_raw_response.generate(
            **self.image_options(model), prompt="a cat", n=2
        )
        answer = raw.parse()
        pictures = [self.picture(image.b64_json) for image in answer.data]
        assert len(set(pictures)) == 2, "two pictures"
        if "gpt-image-1" in model:
            assert answer.usage.output_tokens > 0, answer.usage

    def image_options(self, model):
        # The GPT models give nothing but bytes.
        by_token = model.split("/")[1].startswith("gpt-image")
        return {"model": model} | ({} if by_token else {"response_format": "b64_json"})

    def images_stream(self, model):
        events = list(
            self.client.images.generate(model=model, prompt="a cat", stream=True, partial_images=2)
        )
        kinds = [event.type for event in events]
        assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"], kinds
        whole = self.client.images.generate(model=model, prompt="a cat")
        assert self.picture(events[-1].b64_json) == whole.data[0].b64_json
        assert events[-1].usage.total_tokens > 0, events[-1]

    def images_edit(self, model):
        files = [("one.png", PNG), ("two.png", PNG)]
        answer = self.client.images.edit(model=model, image=files, prompt="a cat", n=1)
        self.picture(answer.data[0].b64_json)
        assert answer.usage.input_tokens_details.image_tokens > 0, answer.usage

    def images_errors(self, model):
        ask = self.client.images.generate
        self.limited(lambda: ask(model=f"limited-{model}--rate_limit=7", prompt="a cat"))

    # Speech

    def speak(self, model, **options):
        return self.client.audio.speech.create(
            model=model, voice="alloy", input="Good morning, dear reader.", **options
        )

    def speech_plain(self, model):
        answer = self.speak(model, response_format="wav")
        assert answer.response.headers["content-type"] == "audio/wav"
        assert b"Good morning" in answer.read(), "the sound of this text"

    def speech_stream(self, model):
        whole = self.speak(model).read()
        with self.client.audio.speech.with_streaming_response.create(
            model=model, voice="alloy", input="Good morning, dear reader."
        ) as answer:
            assert answer.headers["content-type"] == "audio/mpeg", answer.headers
            assert b"".join(answer.iter_bytes()) == whole

    def speech_events(self, model):
        answer = self.speak(model, stream_format="sse")
        text = answer.read().decode()
        assert "event: speech.audio.delta" in text and "event: speech.audio.done" in text, text

    def speech_errors(self, model):
        self.limited(lambda: self.speak(f"limited-{model}--rate_limit=7"))

    # Transcriptions

    def hear(self, model, **options):
        return self.client.audio.transcriptions.create(model=model, file=sound(), **options)

    def transcriptions_plain(self, model):
        answer = self.hear(model)
        assert len(answer.text.split()) == SECONDS, answer
        assert answer.usage.seconds == SECONDS, answer

    def transcriptions_stream(self, model):
        # Whisper knows no streams.
        model = f"{model.split('/')[0]}/gpt-4o-transcribe"
        events = list(self.hear(model, stream=True))
        text = "".join(event.delta for event in events if event.type == "transcript.text.delta")
        assert events[-1].type == "transcript.text.done" and events[-1].text == text, events
        assert events[-1].usage.input_tokens == SECONDS * 10, events[-1]

    def transcriptions_text(self, model):
        assert len(self.hear(model, response_format="text").split()) == SECONDS

    def transcriptions_subtitles(self, model):
        text = self.hear(model, response_format="srt")
        assert "00:00:00,000 --> 00:00:02,000" in text, text

    def transcriptions_verbose(self, model):
        answer = self.hear(model, response_format="verbose_json")
        assert answer.duration == SECONDS and answer.segments[0].end == SECONDS, answer

    def transcriptions_translation(self, model):
        answer = self.client.audio.translations.create(model=model, file=sound())
        assert len(answer.text.split()) == SECONDS, answer

    def transcriptions_errors(self, model):
        self.limited(lambda: self.hear(f"limited-{model}--rate_limit=7"))


class Media(unittest.TestCase):
    """One test for each cell."""

    outcomes = {}

    @classmethod
    def setUpClass(cls):
        cls.stand = Stand(with_limited((HERE / "providers.toml").read_text()))
        cls.asked = Asked(cls.stand)

    @classmethod
    def tearDownClass(cls):
        cls.stand.stop()

    def test_what_was_used_is_counted_and_believed(self):
        # A gateway of its own, so that all events are of these requests.
        stand = Stand((HERE / "providers.toml").read_text())
        self.addCleanup(stand.stop)
        asked = Asked(stand)
        asked.images_plain("openai/gpt-image-1")
        asked.images_edit("openai/gpt-image-1")
        asked.speech_plain("openai/tts-1")
        asked.transcriptions_plain("openai/whisper-1")
        asked.transcriptions_stream("openai/whisper-1")
        asked.rerank_plain("cohere/rerank-v3.5")
        events = stand.events(6)
        used = {}
        for event in events:
            self.assertFalse(event["disputed"] or event["estimated"], event)
            for kind, count in event["usage"].items():
                used[kind] = used.get(kind, 0) + count
        expected = {"image_output": 3 * 272, "image_input": 2 * 258, "characters": 26}
        expected |= {"audio_ms": 2000, "audio_input": 20, "output": 2, "search_units": 1}
        self.assertEqual({kind: used.get(kind) for kind in expected}, expected)

    def test_a_provider_without_the_endpoint_is_refused_in_words(self):
        for call in [
            lambda: self.asked.client.moderations.create(model="anthropic/claude-sonnet-4-5", input="a"),
            lambda: self.asked.speak("gemini/gemini-3-pro"),
            lambda: self.asked.rerank("openai/gpt-4o"),
            lambda: self.asked.hear("cohere/command-a-03-2025"),
        ]:
            with self.assertRaises(openai.BadRequestError) as raised:
                call()
            message = raised.exception.body["message"]
            self.assertTrue(message, raised.exception.body)


def add_cells():
    for endpoint, features in FEATURES.items():
        for provider, name in MODELS[endpoint].items():
            for feature in features:

                def test(self, key=(endpoint, provider, feature), model=f"{provider}/{name}"):
                    endpoint, _, feature = key
                    if key in CANNOT:
                        self.outcomes[key] = "–"
                        return
                    self.outcomes[key] = "no"
                    getattr(self.asked, f"{endpoint}_{feature}")(model)
                    self.outcomes[key] = "yes"

                setattr(Media, f"test_{endpoint}_to_{provider}_{feature}", test)


def table():
    lines = []
    for endpoint, features in FEATURES.items():
        lines += [f"### {endpoint.capitalize()}", ""]
        lines.append("| provider | " + " | ".join(features) + " |")
        lines.append("|---" * (len(features) + 1) + "|")
        for provider in MODELS[endpoint]:
            cells = [Media.outcomes.get((endpoint, provider, f), "?") for f in features]
            lines.append(f"| {provider} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


add_cells()
