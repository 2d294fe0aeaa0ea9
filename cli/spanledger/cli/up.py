"""`spanledger up`: the receiver, the ledger and the API in one process."""

from pathlib import Path
from typing import Annotated

import typer

from spanledger.cli.failures import Failed

TLS_PANEL = "TLS"


def register(app: typer.Typer) -> None:
    """Add the command `up` to the application."""
    app.command("up")(up)


def up(
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    grpc: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Take OTLP/gRPC here.", show_default="127.0.0.1:4317")
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Take OTLP/HTTP and serve the API here.", show_default="127.0.0.1:4318"),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="The API keys.", show_default="keys.toml in the data folder, if there is one")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file: the certificate of both listeners.", rich_help_panel=TLS_PANEL)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="PEM file: the certificate's key.", rich_help_panel=TLS_PANEL)
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(help="PEM file: let in only clients certified by this authority.", rich_help_panel=TLS_PANEL),
    ] = None,
    insecure: Annotated[
        bool | None,
        typer.Option("--insecure", help="Listen beyond loopback without TLS.", rich_help_panel=TLS_PANEL),
    ] = None,
    body_bytes_max: Annotated[
        int | None, typer.Option(help="The biggest request, after decompression.", show_default="64 MiB")
    ] = None,
    linger_s: Annotated[
        float | None,
        typer.Option(help="How long a request waits for others to be stored with it.", show_default="0.003"),
    ] = None,
    keep_content: Annotated[
        bool | None, typer.Option("--keep-content", help="Store prompts and completions, too.")
    ] = None,
    keep_all_spans: Annotated[
        bool | None, typer.Option("--keep-all-spans", help="Store spans that are not GenAI, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready, and no text.")] = False,
) -> None:
    """Start Spanledger: take spans over OTLP, store them in the ledger, serve the API."""
    from spanledger.cli import process, settings

    chosen = settings.load(
        data=data,
        grpc=grpc,
        http=http,
        keys=keys,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        insecure=insecure,
        body_bytes_max=body_bytes_max,
        linger_s=linger_s,
        keep_content=keep_content,
        keep_all_spans=keep_all_spans,
    )
    process.prepare()
    try:
        from spanledger.cli import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spanledger"):
            raise
        raise Failed("`spanledger up` needs the server extra: pip install 'spanledger[server]'.") from error
    serve.run(chosen, as_json=as_json)
