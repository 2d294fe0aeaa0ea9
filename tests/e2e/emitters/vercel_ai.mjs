// Vercel's AI SDK with its OpenTelemetry package: text and agent loops, plain and streamed, on two vendors.
// AI_SDK_TELEMETRY chooses the class: OpenTelemetry (the conventions' names), LegacyOpenTelemetry (its own older ones).

import { createAnthropic } from '@ai-sdk/anthropic';
import { openai } from '@ai-sdk/openai';
import * as otel from '@ai-sdk/otel';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { embed, generateText, isStepCount, registerTelemetry, streamText, tool } from 'ai';
import { z } from 'zod';

process.env.OTEL_METRICS_EXPORTER ??= 'otlp';
process.env.OTEL_LOGS_EXPORTER ??= 'otlp';
const sdk = new NodeSDK();
sdk.start();
const Telemetry = otel[process.env.AI_SDK_TELEMETRY ?? 'OpenTelemetry'];
registerTelemetry(new Telemetry());

const prompt = process.env.CANARY;
const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` });
const weather = tool({
  description: 'Tell the weather in a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});
const telemetry = { isEnabled: true, functionId: 'forecast' };

async function drained(result) {
  for await (const part of result.textStream) {
    if (part === null) throw new Error('no text');
  }
}

for (const model of [openai('gpt-5'), openai.chat('gpt-5-mini'), openai.chat('gpt-6-sol'), anthropic('claude-sonnet-4-5')]) {
  await generateText({ model, prompt, telemetry });
  await drained(streamText({ model, prompt, telemetry }));
  await generateText({ model, prompt, tools: { weather }, stopWhen: isStepCount(4), telemetry });
  await drained(streamText({ model, prompt, tools: { weather }, stopWhen: isStepCount(4), telemetry }));
}
await embed({ model: openai.embedding('text-embedding-3-small'), value: prompt, telemetry });
await sdk.shutdown();
