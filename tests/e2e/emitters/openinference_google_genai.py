"""OpenInference's instrumentation of Google's SDK."""

from exporting import exporting
from gemini_calls import call_gemini
from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

with exporting() as tracer:
    GoogleGenAIInstrumentor().instrument()
    call_gemini(tracer)
