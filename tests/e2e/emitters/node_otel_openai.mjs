// The official instrumentation of OpenAI's SDK for Node: chat, plain and streamed, a tool, embeddings, a refusal.

import { register } from 'node:module';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { OpenAIInstrumentation } from '@opentelemetry/instrumentation-openai';

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);
process.env.OTEL_METRICS_EXPORTER ??= 'otlp';
process.env.OTEL_LOGS_EXPORTER ??= 'otlp';
const sdk = new NodeSDK({ instrumentations: [new OpenAIInstrumentation()] });
sdk.start();
const { default: OpenAI } = await import('openai');

const client = new OpenAI();
const chat = (request, options) => client.chat.completions.create(request, options);
const messages = [{ role: 'user', content: process.env.CANARY }];
const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const tools = [{ type: 'function', function: { name: 'weather', description: '', parameters } }];

async function drained(stream) {
  for await (const chunk of stream) {
    if (chunk === null) throw new Error('no chunk');
  }
}

await chat({ model: 'gpt-5-mini', messages });
await chat({ model: 'gpt-4o-mini', messages });
await drained(await chat({ model: 'gpt-5-mini', messages, stream: true, stream_options: { include_usage: true } }));
await drained(await chat({ model: 'gpt-5-mini', messages, stream: true }));
const asked = (await chat({ model: 'gpt-4o-mini', messages, tools })).choices[0].message;
const result = { role: 'tool', tool_call_id: asked.tool_calls[0].id, content: 'sunny' };
await chat({ model: 'gpt-4o-mini', messages: [...messages, asked, result], tools });
await drained(await chat({ model: 'gpt-6-sol', messages, stream: true, stream_options: { include_usage: true } }));
await client.embeddings.create({ model: 'text-embedding-3-small', input: process.env.CANARY });
await chat({ model: 'gpt-5-mini', messages }, { headers: { 'x-stand-in': 'refuse-once' } });
await chat({ model: 'gpt-5-mini', messages }, { headers: { 'x-stand-in': 'refuse-400' } }).then(
  () => Promise.reject(new Error('the call was served, and should have been refused')),
  () => undefined,
);
await client.responses.create({ model: 'gpt-5', input: process.env.CANARY });
await sdk.shutdown();
