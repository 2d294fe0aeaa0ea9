// OpenLLMetry for Node: OpenAI and Anthropic, plain and streamed, with a tool and a workflow around.

import * as traceloop from '@traceloop/node-server-sdk';
import * as anthropicModule from '@anthropic-ai/sdk';
import OpenAI from 'openai';

traceloop.initialize({
  appName: process.env.OTEL_SERVICE_NAME,
  baseUrl: process.env.OTEL_EXPORTER_OTLP_ENDPOINT,
  apiKey: 'stand-in',
  disableBatch: true,
  silenceInitializationMessage: true,
  instrumentModules: { openAI: OpenAI, anthropic: anthropicModule },
});

const client = new OpenAI();
const chat = (request, options) => client.chat.completions.create(request, options);
const anthropic = new anthropicModule.Anthropic();
const messages = [{ role: 'user', content: process.env.CANARY }];
const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const tools = [{ type: 'function', function: { name: 'weather', description: '', parameters } }];
const system = [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }];
const sonnet = { model: 'claude-sonnet-4-5', max_tokens: 256, system, messages };

async function drained(stream) {
  for await (const chunk of stream) {
    if (chunk === null) throw new Error('no chunk');
  }
}

await chat({ model: 'gpt-5-mini', messages });
await drained(await chat({ model: 'gpt-5-mini', messages, stream: true, stream_options: { include_usage: true } }));
await traceloop.withWorkflow({ name: 'forecast' }, async () => {
  const asked = (await chat({ model: 'gpt-4o-mini', messages, tools })).choices[0].message;
  const result = { role: 'tool', tool_call_id: asked.tool_calls[0].id, content: 'sunny' };
  await chat({ model: 'gpt-4o-mini', messages: [...messages, asked, result], tools });
});
await drained(await chat({ model: 'gpt-6-sol', messages, stream: true, stream_options: { include_usage: true } }));
await chat({ model: 'gpt-6-sol', messages });
await client.embeddings.create({ model: 'text-embedding-3-small', input: process.env.CANARY });
await client.responses.create({ model: 'gpt-5', input: process.env.CANARY });
for (let turn = 0; turn < 4; turn++) await anthropic.messages.create(sonnet);
await drained(await anthropic.messages.create({ ...sonnet, stream: true }));
await drained(await anthropic.messages.create({ ...sonnet, stream: true }));
await chat({ model: 'gpt-5-mini', messages }, { headers: { 'x-stand-in': 'refuse-400' } }).then(
  () => Promise.reject(new Error('the call was served, and should have been refused')),
  () => undefined,
);
await traceloop.forceFlush();
