"""All settings, from wherever they are given: flags over SPANLEDGER_* variables over spanledger.toml over defaults."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, cast

import platformdirs
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from spanledger.cli.addresses import Address
from spanledger.cli.failures import WrongUse

PREFIX: Final = "SPANLEDGER_"
CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
CONFIG_FILE: Final = "spanledger.toml"
KEYS_FILE: Final = "keys.toml"
MEBIBYTE: Final = 1 << 20


def _address(value: object) -> Address:
    return value if isinstance(value, Address) else Address.parse(str(value))


Listener = Annotated[Address, NoDecode, BeforeValidator(_address)]
ExpandedPath = Annotated[Path, BeforeValidator(lambda value: Path(str(value)).expanduser())]


class Settings(BaseSettings):
    """What an operator can set; made by `load`, never changed afterwards."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, arbitrary_types_allowed=True
    )

    data: ExpandedPath = Field(default_factory=lambda: Path(platformdirs.user_data_dir("spanledger", appauthor=False)))
    """The folder of the ledger and of all that belongs to it."""
    grpc: Listener = Address("127.0.0.1", 4317)
    """Where OTLP/gRPC is taken."""
    http: Listener = Address("127.0.0.1", 4318)
    """Where OTLP/HTTP is taken, and the API is served."""
    keys: ExpandedPath | None = None
    """The file of API keys; else `keys.toml` in the data folder, where there is one."""
    tls_certificate: ExpandedPath | None = None
    """PEM file: the certificate (chain) of both listeners."""
    tls_key: ExpandedPath | None = None
    """PEM file: the private key of the certificate."""
    tls_client_ca: ExpandedPath | None = None
    """PEM file: only clients with a certificate of this authority are let in."""
    insecure: bool = False
    """Listen beyond loopback without TLS: something in front does it."""
    body_bytes_max: int = Field(default=64 * MEBIBYTE, ge=1024, le=1024 * MEBIBYTE)
    """The biggest request, after decompression."""
    linger_s: float = Field(default=0.003, ge=0, le=1)
    """How long the first request of a group waits for others to be stored with it."""
    keep_content: bool = False
    """Store prompts and completions, which are removed otherwise."""
    keep_all_spans: bool = False
    """Store spans that have nothing to do with GenAI, too, which are counted and left out otherwise."""

    @property
    def keys_file(self) -> Path:
        """The file of API keys, whether or not there is one yet."""
        return self.keys or self.data / KEYS_FILE

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file; whichever says something first is heard."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())


def load(**flags: object) -> Settings:
    """The settings, with those flags that are not None on top. Raises `WrongUse`, one sentence naming the setting."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = cast(Callable[..., Settings], Settings)(**given)
    except tomllib.TOMLDecodeError as error:
        raise WrongUse(f"{config_file()} is not valid TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{config_file()} cannot be read: {getattr(error, 'strerror', error)}.") from error
    except ValidationError as error:
        raise WrongUse(_sentence(error, given)) from error
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise WrongUse("TLS needs both tls_certificate and tls_key: give the other one, too, or none.")
    if settings.tls_client_ca is not None and settings.tls_certificate is None:
        raise WrongUse("tls_client_ca asks for mutual TLS: give tls_certificate and tls_key, too.")
    return settings


def config_file() -> Path:
    """The settings file that is read: what SPANLEDGER_CONFIG names, else spanledger.toml in the working directory."""
    named = os.environ.get(CONFIG_VARIABLE)
    if not named:
        return Path(CONFIG_FILE)
    path = Path(named).expanduser()
    if not path.is_file():
        raise WrongUse(f"{CONFIG_VARIABLE} names {path}, and there is no such file.")
    return path


def _sentence(error: ValidationError, given: dict[str, Any]) -> str:
    """The first thing that is wrong: where it was said, which setting, and why."""
    wrong = error.errors(include_url=False)[0]
    name = str(wrong["loc"][0])
    if wrong["type"] == "extra_forbidden":
        return f"{config_file()}: there is no setting {name!r}; there are {', '.join(Settings.model_fields)}."
    if name in given:
        where = f"--{name.replace('_', '-')}"
    elif os.environ.get(PREFIX + name.upper()):
        where = PREFIX + name.upper()
    else:
        where = f"{config_file()}: {name}"
    reason = str(wrong["ctx"]["error"]) if wrong["type"] == "value_error" else f"{wrong['input']!r}: {wrong['msg']}"
    return f"{where}: {reason}."
