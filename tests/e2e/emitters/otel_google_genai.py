"""The official instrumentation of Google's SDK."""

from exporting import exporting
from gemini_calls import call_gemini
from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor

with exporting() as tracer:
    GoogleGenAiSdkInstrumentor().instrument()
    call_gemini(tracer)
