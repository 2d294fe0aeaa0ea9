"""What the apps do: each scene is one session of one app, as the traces it leaves.

A scene is a function of a source of chance and of the moment it starts; the same chance gives the same scene.
"""

import random
from collections.abc import Callable
from typing import Final, TypeAlias

from opentelemetry.trace import SpanKind

from spanledger.instrumentation.demo import company
from spanledger.instrumentation.demo.plan import SECOND, Attributes, Planned, Usage, call, group, refused

Scene: TypeAlias = Callable[[random.Random, int], list[Planned]]
"""(chance, start in microseconds since midnight) → the root spans of one session, in order."""

REFUSED_SHARE: Final = 0.015
"""Part of the chat turns and agent steps whose first attempt is answered with 429 and tried again."""

CACHE_BLOCK_TOKENS: Final = 128
"""OpenAI reads its prompt cache in blocks of this size, from `CACHE_MIN_TOKENS` on."""
CACHE_MIN_TOKENS: Final = 1024

RETRY_AFTER: Final = 2 * SECOND


def tokens(chance: random.Random, median: int, spread: float = 0.6) -> int:
    """A token count around `median`: most near it, a few much larger, as real ones are."""
    return max(1, int(median * chance.lognormvariate(0, spread)))


def person(chance: random.Random, teams: tuple[str, ...]) -> tuple[str, str]:
    """Someone of one of the teams, and the team; some people use the apps far more than others."""
    people = [(name, team) for team in teams for name in company.TEAMS[team]]
    weights = [1 / (rank + 2) for rank in range(len(people))]
    return chance.choices(people, weights)[0]


def belongs(user: str, team: str, project: str, feature: str, session: str) -> Attributes:
    """Who a call is for."""
    return {
        "user.id": user,
        "gen_ai.conversation.id": session,
        "app.team": team,
        "app.cost_center": company.COST_CENTERS[team],
        "app.project": project,
        "app.feature": feature,
    }


def session_id(chance: random.Random) -> str:
    """An id for a session."""
    return f"demo-{chance.getrandbits(64):016x}"


def attempt(
    chance: random.Random,
    model: company.Model,
    started: int,
    usage: Usage,
    who: Attributes,
    *,
    stream: bool = False,
) -> list[Planned]:
    """A call, now and then after a first attempt that was refused."""
    if chance.random() >= REFUSED_SHARE:
        return [call(chance, model, started, usage, who, stream=stream)]
    first = refused(chance, model, started, who)
    return [first, call(chance, model, first.ended + RETRY_AFTER, usage, who, stream=stream)]


def cached_openai(prompt: int, known: int) -> int:
    """What OpenAI reads from its cache of a prompt whose first `known` tokens it has seen."""
    if prompt < CACHE_MIN_TOKENS:
        return 0
    return min(known, prompt) // CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS


def support_chat(chance: random.Random, started: int) -> list[Planned]:
    """A conversation: each turn sends the whole history again, so its cached part grows; hard ones get more model."""
    user, team = person(chance, company.DESKS)
    who = belongs(user, team, "helpdesk", chance.choice(("answer", "answer", "answer", "summary")), session_id(chance))
    scope = company.CHAT.service_name
    model = company.GPT if chance.random() < 0.12 else company.GPT_MINI
    history, known, now = tokens(chance, 1_400, 0.3), 0, started
    traces = []
    for turn in range(chance.randint(1, 7)):
        prompt = history + tokens(chance, 120)
        answer = tokens(chance, 260)
        reasoning = int(answer * chance.uniform(0.2, 0.6)) if model is company.GPT else 0
        usage = Usage(prompt, answer + reasoning, cached_openai(prompt, known), 0, reasoning)
        calls = attempt(chance, model, now, usage, who, stream=chance.random() < 0.9)
        if turn == 0:
            title = Usage(tokens(chance, 220, 0.3), tokens(chance, 12, 0.2))
            calls.append(call(chance, company.GPT_NANO, calls[-1].ended, title, who | {"app.feature": "title"}))
        request: Attributes = {"http.request.method": "POST", "http.route": "/chat", "http.response.status_code": 200}
        traces.append(group("POST /chat", scope, calls, request, SpanKind.SERVER))
        known, history = prompt, prompt + answer
        now = calls[-1].ended + int(chance.uniform(15, 150) * SECOND)
    return traces


def document_extraction(chance: random.Random, started: int) -> list[Planned]:
    """A document through a workflow: a small model classifies, a large one extracts, one in house reads the scans."""
    project = chance.choice(("invoices", "invoices", "contracts"))
    who = belongs("svc-extraction", "finance", project, "classify", session_id(chance))
    workflow = f"{project}-intake"
    who["gen_ai.workflow.name"] = workflow
    scope = company.EXTRACTION.service_name
    pages = tokens(chance, 9 if project == "invoices" else 60, 0.7)
    text_tokens = pages * 520
    kind = call(chance, company.FLASH_LITE, started, Usage(min(text_tokens, 4_000), 9), who)
    steps = [kind]
    who = who | {"app.feature": "extract"}
    if chance.random() < 0.10:
        scan = Usage(min(text_tokens, 30_000), tokens(chance, 500))
        steps.append(call(chance, company.IN_HOUSE, kind.ended, scan, who))
    else:
        model = company.PRO if project == "contracts" else company.FLASH
        thoughts = tokens(chance, 700) if model is company.PRO else 0
        answer = tokens(chance, 650) + thoughts
        steps += attempt(chance, model, kind.ended, Usage(text_tokens, answer, 0, 0, thoughts), who)
    about: Attributes = {"gen_ai.operation.name": "invoke_workflow"}
    return [group(f"invoke_workflow {workflow}", scope, steps, about | who)]


def code_review(chance: random.Random, started: int) -> list[Planned]:
    """An agent's run: steps of model and tools under a roll-up that repeats their usage, which must not count again."""
    user, team = person(chance, company.DEVELOPERS)
    who = belongs(user, team, "code-review", "review", session_id(chance)) | {"gen_ai.agent.name": "demo-reviewer"}
    who["vcs.repository.name"] = company.REPOSITORIES[team]
    who["vcs.ref.head.name"] = f"change/{chance.randint(100, 999)}"
    scope = company.REVIEW.service_name
    model = chance.choices((company.SONNET, company.OPUS, company.HAIKU), (70, 12, 18))[0]
    context, known, now = tokens(chance, 9_000, 0.4), 0, started
    total = Usage(0)
    inner: list[Planned] = []
    for _ in range(chance.randint(3, 14)):
        fresh = context - known
        output = tokens(chance, 420)
        usage = Usage(context + 12, output, known, fresh, int(output * chance.uniform(0, 0.5)))
        inner += attempt(chance, model, now, usage, who, stream=True)
        total += usage
        used = tool(chance, inner[-1].ended, who)
        inner.append(used)
        known, context = context, context + output + tokens(chance, 1_500, 0.8)
        now = used.ended + 40_000
    about: Attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": model.provider}
    return [group("invoke_agent demo-reviewer", scope, inner, about | who | total.attributes())]


def tool(chance: random.Random, started: int, who: Attributes) -> Planned:
    """A tool the agent ran between two steps."""
    name = chance.choice(("read_file", "read_file", "search_code", "run_tests", "comment"))
    took_s = chance.uniform(4, 40) if name == "run_tests" else chance.uniform(0.01, 0.4)
    about: Attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
    }
    scope = company.REVIEW.service_name
    ended = started + int(took_s * SECOND)
    return Planned(f"execute_tool {name}", scope, SpanKind.INTERNAL, started, ended, about | who)


def semantic_search(chance: random.Random, started: int) -> list[Planned]:
    """A search: the question embedded, passages retrieved, and often an answer written from them; or an index run."""
    scope = company.SEARCH.service_name
    if chance.random() < 0.05:
        return index_run(chance, started)
    user, team = person(chance, tuple(company.TEAMS))
    who = belongs(user, team, "knowledge-base", "search", session_id(chance))
    question = call(chance, company.EMBEDDING, started, Usage(tokens(chance, 18)), who)
    about: Attributes = {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "demo-handbook"}
    found = question.ended + int(chance.uniform(0.01, 0.12) * SECOND)
    retrieval = Planned("retrieval demo-handbook", scope, SpanKind.CLIENT, question.ended, found, about | who)
    inner = [question, retrieval]
    if chance.random() < 0.7:
        usage = Usage(tokens(chance, 3_200, 0.3), tokens(chance, 180))
        inner += attempt(chance, company.GPT_NANO, found, usage, who | {"app.feature": "answer"}, stream=True)
    request: Attributes = {"http.request.method": "GET", "http.route": "/search", "http.response.status_code": 200}
    return [group("GET /search", scope, inner, request, SpanKind.SERVER)]


def index_run(chance: random.Random, started: int) -> list[Planned]:
    """Changed documents embedded again, in a few large requests."""
    who = belongs("svc-indexer", "platform", "knowledge-base", "index", session_id(chance))
    now, inner = started, []
    for _ in range(chance.randint(3, 9)):
        inner.append(call(chance, company.EMBEDDING, now, Usage(tokens(chance, 60_000, 0.4)), who))
        now = inner[-1].ended
    return [group("reindex", company.SEARCH.service_name, inner, {})]


SCENES: Final[dict[str, Scene]] = {
    company.CHAT.service_name: support_chat,
    company.EXTRACTION.service_name: document_extraction,
    company.REVIEW.service_name: code_review,
    company.SEARCH.service_name: semantic_search,
}
"""Service name → what a session of it looks like."""
