// The official clients for Node.js and Vercel's AI SDK with its providers, unchanged but for base URL and key, against
// every wire format that providers speak. Run by tests/sdk/run, which starts the gateway; TOLLGATE_ROOT is its address.

import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';

const root = process.env.TOLLGATE_ROOT;
const apiKey = process.env.TOLLGATE_KEY;
const models = {
  openai: 'openai/gpt-4o',
  anthropic: 'anthropic/claude-sonnet-4-5',
  gemini: 'gemini/gemini-3-pro',
  bedrock: 'bedrock/anthropic.claude-sonnet-4-5-v1:0',
  cohere: 'cohere/command-a-03-2025',
  mistral: 'mistral/mistral-large-latest--tells_usage',
};
const question = 'What is the weather in Paris?';

const openai = new OpenAI({ baseURL: `${root}/v1`, apiKey, maxRetries: 0 });

for (const [provider, model] of Object.entries(models)) {
  test(`openai chat, plain and streamed, to ${provider}`, async () => {
    const messages = [{ role: 'user', content: question }];
    const whole = await openai.chat.completions.create({ model, messages });
    assert.ok(whole.choices[0].message.content);
    let text = '';
    let usage;
    const chunks = await openai.chat.completions.create({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of chunks) {
      text += chunk.choices[0]?.delta?.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.deepEqual(
      [usage.prompt_tokens, usage.completion_tokens],
      [whole.usage.prompt_tokens, whole.usage.completion_tokens],
    );
  });

  test(`openai responses, streamed, to ${provider}`, async () => {
    const stream = openai.responses.stream({ model, input: question, store: false });
    let text = '';
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    const final = await stream.finalResponse();
    assert.equal(final.status, 'completed');
    assert.equal(final.output_text, text);
    assert.ok(text);
  });

  test(`openai chat, a broken stream, to ${provider}`, async () => {
    await assert.rejects(async () => {
      const chunks = await openai.chat.completions.create({
        model: `${model}--error=3`,
        messages: [{ role: 'user', content: question }],
        stream: true,
      });
      for await (const _ of chunks);
    }, OpenAI.APIError);
  });
}

const clients = {
  openai: (model) => createOpenAI({ baseURL: `${root}/v1`, apiKey }).chat(model),
  responses: (model) => createOpenAI({ baseURL: `${root}/v1`, apiKey }).responses(model),
  anthropic: (model) => createAnthropic({ baseURL: `${root}/v1`, apiKey })(model),
  google: (model) => createGoogleGenerativeAI({ baseURL: `${root}/v1beta`, apiKey })(model),
  compatible: (model) =>
    createOpenAICompatible({
      name: 'tollgate',
      baseURL: `${root}/v1`,
      apiKey,
      includeUsage: true,
      supportsStructuredOutputs: true,
    })(model),
};
const weather = tool({
  description: 'The weather in a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

for (const [client, of] of Object.entries(clients)) {
  for (const [provider, model] of Object.entries(models)) {
    test(`ai with ${client}, text, to ${provider}`, async () => {
      const whole = await generateText({ model: of(model), prompt: question, maxRetries: 0 });
      assert.ok(whole.text);
      const streamed = streamText({ model: of(model), prompt: question, maxRetries: 0 });
      let text = '';
      for await (const piece of streamed.textStream) text += piece;
      assert.equal(text, whole.text);
      assert.ok((await streamed.usage).outputTokens > 0);
    });

    test(`ai with ${client}, a tool loop, to ${provider}`, async () => {
      const result = await generateText({
        model: of(`${model}--tools=1`),
        prompt: question,
        tools: { weather },
        stopWhen: stepCountIs(2),
        maxRetries: 0,
        // Otherwise the client sends references to items that only the provider could resolve.
        providerOptions: { openai: { store: false } },
      });
      assert.equal(result.steps[0].toolCalls.length, 1);
      assert.equal(result.steps[0].toolCalls[0].toolName, 'weather');
    });

    test(`ai with ${client}, an object by schema, to ${provider}`, async () => {
      const schema = z.object({ city: z.string(), degrees: z.number().int() });
      const { object } = await generateObject({
        model: of(model),
        prompt: question,
        schema,
        maxRetries: 0,
      });
      assert.equal(typeof object.city, 'string');
    });
  }
}
