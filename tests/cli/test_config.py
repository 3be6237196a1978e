"""Settings in the real command: what goes before what, what `dmscan config` tells, and that it tells no secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.main import get_command

from dmscan.cli.app import app
from dmscan.cli.configured import read_config
from dmscan.cli.help import SETTINGS as WORDS
from dmscan.cli.setting import SETTINGS, Kind
from dmscan.config_file import pair, variable

from processes import COMMAND, Dmscan, keys

CANARY = "canary0123456789"


@pytest.fixture
def alone(tmp_path: Path) -> Dmscan:
    """The command in a home of its own, with nothing set; nobody answers it."""
    return Dmscan(tmp_path)


def settle(dmscan: Dmscan, text: str, mode: int = 0o600) -> Path:
    """`text` as the usual settings file."""
    path = Path(dmscan("config", "path").stdout.strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def planned(dmscan: Dmscan, *arguments: str) -> dict[str, Any]:
    """The request of a scan that nothing is sent for."""
    done = dmscan("scan", "--plan", "-f", "json", *arguments)
    assert done.returncode == 0, done.stderr
    request: dict[str, Any] = json.loads(done.stdout)["request"]
    return request


def shown(dmscan: Dmscan, *arguments: str) -> dict[str, dict[str, Any]]:
    done = dmscan("config", "show", "-f", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return {one["key"]: one for one in json.loads(done.stdout)["settings"]}


def options() -> Iterator[tuple[str, Any]]:
    """Every option that the environment can set, by its key."""

    def walk(command: Any) -> Iterator[Any]:
        inner = getattr(command, "commands", None)
        yield from (option for one in inner.values() for option in walk(one)) if inner else command.params

    for option in walk(get_command(app)):
        if option.envvar and option.envvar != "DMSCAN_CONFIG":
            yield option.envvar.removeprefix("DMSCAN_").lower(), option


def test_the_table_holds_every_setting_there_is_and_no_other() -> None:
    named = dict(options())
    assert set(SETTINGS) == set(named) | set(WORDS)
    assert not set(named) & set(WORDS)
    assert {variable(key) for key in named} == {option.envvar for option in named.values()}


def test_the_table_knows_what_each_option_takes() -> None:
    for key, option in options():
        kind = SETTINGS[key].kind
        assert (kind is Kind.LIST) == option.multiple, key
        assert (kind is Kind.FLAG) == option.is_flag, key
        assert (kind is Kind.WHOLE) == ("int" in str(option.type_descriptor.annotation)), key


@pytest.mark.parametrize(
    ("key", "said", "told"),
    [
        ("min_roi", ('"5%"', "6%", "7%"), (0.05, 0.06, 0.07)),
        ("min_sales", ("9", "10", "11"), (9, 10, 11)),
        ("level", ('["pro", "boost"]', "medium advanced", "pro"), (["pro", "boost"], ["medium", "advanced"], ["pro"])),
    ],
    ids=["text", "number", "list"],
)
def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    alone: Dmscan, key: str, said: tuple[str, str, str], told: tuple[Any, ...]
) -> None:
    asked = {"level": "levels"}.get(key, key)
    file, environment, flag = said
    settle(alone, f"{key} = {file}\n")
    found = [planned(alone)[asked]]
    alone.environment[variable(key)] = environment
    found += [planned(alone)[asked], planned(alone, f"--{key.replace('_', '-')}", flag)[asked]]
    assert tuple(found) == told
    alone.environment[variable(key)] = ""
    assert planned(alone)[asked] == told[0]
    alone.environment["DMSCAN_CONFIG"] = os.devnull
    assert planned(alone)[asked] not in told


def test_so_it_is_with_a_flag_that_takes_no_value(alone: Dmscan, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['h2'] = None")
    alone.environment["PYTHONPATH"] = str(tmp_path)
    settle(alone, "http2 = true\n")
    assert "--http2 needs a package" in alone("scan", "--plan").stderr
    alone.environment["DMSCAN_HTTP2"] = "0"
    assert planned(alone)
    assert alone("scan", "--plan", "--http2").returncode == 22


def test_each_command_takes_the_settings_that_are_options_of_its_own(alone: Dmscan, tmp_path: Path) -> None:
    settle(alone, f'max_units = 3\ndb = "{tmp_path}/own.db"\nformat = "csv"\nentry = "target"\n')
    assert alone("history", "-f", "table").stdout.count(f"{tmp_path}/own.db") == 1
    assert alone("history").stdout.startswith("type,scan_id,")
    done = alone("explain", "AK-47 | Redline (Field-Tested)", "--offline")
    assert (done.returncode, "is stored" in done.stderr) == (2, True)


def test_a_flag_that_was_typed_goes_before_what_stands_elsewhere(alone: Dmscan, tmp_path: Path) -> None:
    """The sandbox never writes into the user's history, and --json is what it says."""
    for where in (f'db = "{tmp_path}/own.db"\nformat = "csv"\n', ""):
        settle(alone, where)
        assert "sandbox.db" in alone("history", "--sandbox", "-f", "table").stdout
        assert json.loads(alone("history", "--json").stdout)["rows"] == []
        alone.environment |= {"DMSCAN_DB": f"{tmp_path}/own.db", "DMSCAN_FORMAT": "csv"}
    assert f"{tmp_path}/typed.db" in alone("history", "--sandbox", "-f", "table", "--db", f"{tmp_path}/typed.db").stdout


def test_keys_and_address_from_the_file_alone_scan_the_market(tmp_path: Path, shared_market: str) -> None:
    dmscan = Dmscan(tmp_path)
    lines = {"api_url": shared_market, "rate": "2000", **{name.removeprefix("DMARKET_").lower(): key for name, key in keys().items()}}
    settle(dmscan, "".join(f'{key} = "{value}"\n' for key, value in lines.items()))
    document = dmscan.scan("--no-store")
    assert (document["complete"], document["source"]) == (True, shared_market)
    assert {one["confidence"] for one in document["opportunities"]} == {"confirmed"}


def test_what_the_file_gets_wrong_is_told_by_every_command(alone: Dmscan) -> None:
    path = settle(alone, "min_sales = 3\nmin_roi = '5x'\n")
    for command in (("scan", "--plan"), ("history",), ("history", "prune"), ("explain", "x", "--offline"), ("config", "show")):
        done = alone(*command)
        assert (done.returncode, done.stdout) == (22, "")
        assert done.stderr == f"dmscan: {path}:2: min_roi: '5x' is not a share such as 3% or 0.03.\n"
    assert alone("scan", "--help").returncode == 0
    assert alone("config", "path").stdout == f"{path}\n"


def test_completing_a_word_reads_no_file(alone: Dmscan) -> None:
    path = settle(alone, "this is no TOML")
    alone.environment |= {"_DMSCAN_COMPLETE": "complete_bash", "COMP_WORDS": f"dmscan scan --config {path} --exit ", "COMP_CWORD": "5"}
    done = alone()
    assert done.stdout.split() == ["instant", "relist", "any"]
    assert done.stderr == ""


def test_a_new_file_has_every_setting_and_is_for_its_owner_alone(alone: Dmscan, tmp_path: Path) -> None:
    missing = alone("config", "path")
    assert "does not exist" in missing.stderr
    path = Path(missing.stdout.strip())
    assert alone("config", "init").returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert alone("config", "path").stderr == "dmscan: it exists.\n"
    text = path.read_text("utf-8")
    assert re.findall(r"^#(\w+) = ", text, re.MULTILINE) == list(SETTINGS)
    said = {key: option.help for key, option in reversed([*options()])} | {key: words.text for key, words in WORDS.items()}
    assert [key for key, words in said.items() if words not in text.replace("\n# ", " ")] == []
    assert read_config(path).entries == {}
    again = alone("config", "init")
    assert (again.returncode, path.read_text("utf-8")) == (22, text)
    assert "exists already" in again.stderr


def test_a_new_file_holds_whatever_is_uncommented(alone: Dmscan, tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    assert alone("config", "init", "--config", str(path)).returncode == 0
    text = path.read_text("utf-8")
    pairs = {one for key in SETTINGS for one in [pair(key)] if set(one) <= set(SETTINGS)}
    for kept in (0, 1):
        spared = {one[kept] for one in pairs}
        path.write_text(re.sub(rf"^#(?!(?:{'|'.join(spared)}) )(?=\w+ = )", "", text, flags=re.MULTILINE))
        assert set(read_config(path).entries) == set(SETTINGS) - spared
    for key in SETTINGS:
        path.write_text(re.sub(rf"^#{key}(?= = )", key, text, flags=re.MULTILINE))
        assert list(read_config(path).entries) == [key]


def test_what_holds_is_told_with_where_it_comes_from(alone: Dmscan, tmp_path: Path) -> None:
    path = settle(alone, '# mine\nmin_roi = "5%"\nhttp2 = true\ngame = ["cs2", "rust"]\ntelegram_token_file = "/t"\nmin_sales = 4\n')
    alone.environment |= {"DMSCAN_MIN_SALES": "9", "DMSCAN_LEVEL": "pro boost", "DMSCAN_TELEGRAM_TOKEN": f"1:{CANARY}"}
    told = {key: (one["value"], one["origin"], one["where"]) for key, one in shown(alone).items()}
    assert told == {
        "min_roi": ("5%", "file", f"{path}:2"),
        "http2": ("true", "file", f"{path}:3"),
        "game": (["cs2", "rust"], "file", f"{path}:4"),
        "min_sales": ("9", "environment", "DMSCAN_MIN_SALES"),
        "level": (["pro", "boost"], "environment", "DMSCAN_LEVEL"),
        "telegram_token": ("***", "environment", "DMSCAN_TELEGRAM_TOKEN"),
    }
    every = shown(alone, "--all")
    assert list(every) == list(SETTINGS)
    assert (every["min_profit"]["value"], every["min_profit"]["origin"], every["min_profit"]["where"]) == ("0.05", "default", None)
    assert every["telegram_token_file"]["origin"] == "default"
    assert every["secret_key"]["value"] is None
    schema = json.loads(alone("schema", "config").stdout)
    document = json.loads(alone("config", "show", "--all", "-f", "json").stdout)
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"settings": [{"key": "min_roi"}]}, schema)
    table = alone("config", "show", "-f", "table").stdout
    assert f"{path}\n" in table
    assert re.search(rf"min_roi +5% +{path}:2\n", table)
    assert "settings at the default (--all shows them)" in table


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DMSCAN_MIN_ROI": "5x"}, "DMSCAN_MIN_ROI: '5x' is not a share"),
        ({"DMSCAN_MAX_UNITS": "many"}, "DMSCAN_MAX_UNITS must be a whole number, not 'many'."),
        ({"DMSCAN_HTTP2": "perhaps"}, "DMSCAN_HTTP2 must be true or false"),
        ({"DMSCAN_LEVEL": "pro standart"}, "DMSCAN_LEVEL: 'standart' is unknown"),
        ({"DMSCAN_API_URL": f"https://u:{CANARY}@example.com"}, "DMSCAN_API_URL must be a bare base URL"),
        ({"DMARKET_SECRET_KEY": CANARY}, "DMARKET_SECRET_KEY is set but DMARKET_PUBLIC_KEY is not"),
        ({"DMARKET_PUBLIC_KEY": CANARY, "DMARKET_SECRET_KEY": CANARY}, "DMARKET_PUBLIC_KEY must hold 64"),
        ({"DMSCAN_TELEGRAM_TOKEN": CANARY}, "DMSCAN_TELEGRAM_TOKEN must be digits"),
        ({"DMSCAN_PING_URL_FILE": "/nowhere"}, "DMSCAN_PING_URL_FILE names /nowhere"),
    ],
)
def test_what_the_environment_gets_wrong_is_told(alone: Dmscan, environ: dict[str, str], words: str) -> None:
    alone.environment |= environ
    done = alone("config", "show")
    assert (done.returncode, done.stdout) == (22, "")
    assert words in done.stderr
    assert CANARY not in done.stderr


def test_no_secret_is_shown_wherever_it_comes_from(alone: Dmscan, tmp_path: Path) -> None:
    public, secret = keys().values()
    secrets = {"public_key": public, "secret_key": secret, "telegram_token": f"1:{CANARY}", "ping_url": f"https://example.com/{CANARY}"}
    settle(alone, "".join(f"{key} = '{value}'\n" for key, value in secrets.items()))
    outputs = [alone("config", "show", "--all", "-f", form) for form in ("json", "table")]
    settle(alone, "")
    alone.environment |= {variable(key): value for key, value in secrets.items()}
    outputs += [alone("config", "show", "--all", "-f", form) for form in ("json", "table")]
    for key, value in secrets.items():
        (tmp_path / key).write_text(value)
        (tmp_path / key).chmod(0o600)
        del alone.environment[variable(key)]
        alone.environment[variable(f"{key}_file")] = str(tmp_path / key)
    outputs += [alone("config", "show", "--all", "-f", form, "--debug") for form in ("json", "table")]
    for done in outputs:
        assert done.returncode == 0
        assert not [value for value in (*secrets.values(), CANARY) if value in done.stdout + done.stderr]
    assert [done.stdout.count("***") for done in outputs] == [4, 4, 4, 4, 0, 0]


def test_a_secret_of_a_file_is_blotted_out_of_stderr_like_one_of_the_environment(alone: Dmscan, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"1:{CANARY}x")
    (tmp_path / "token").chmod(0o600)
    path = settle(alone, f"ping_url = 'https://example.com/{CANARY}y'\ntelegram_token_file = '{tmp_path}/token'\n")
    script = (
        "from pathlib import Path; from dmscan.cli.configured import read_config, settings_of; from dmscan.cli.output import say; "
        f"found = settings_of(read_config(Path({str(path)!r})), 'x.db'); say(found.telegram.token.reveal()); say(found.ping_url.reveal())"
    )
    done = subprocess.run([COMMAND[0], "-c", script], env=alone.environment, capture_output=True, text=True, check=True)
    assert (CANARY in done.stderr, done.stderr.count("***")) == (False, 2)


def test_an_empty_environment_is_enough(tmp_path: Path, score: Callable[[str, str], None]) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'db = "{tmp_path}/own.db"\nmin_sales = 3\n')
    for command in (("history", "-f", "json"), ("config", "show"), ("scan", "--plan", "-f", "json", "--db", f"{tmp_path}/own.db")):
        done = subprocess.run(
            ["env", "-i", *COMMAND, *command, "--config", str(file)], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
    score("R26", "`env -i`: exit 0")


def test_odd_homes_put_nothing_into_the_current_folder(alone: Dmscan, tmp_path: Path) -> None:
    (tmp_path / "dmscan").mkdir()
    (tmp_path / "dmscan" / "config.toml").write_text("this is no TOML")
    alone.environment |= {"XDG_CONFIG_HOME": ".", "XDG_DATA_HOME": "."}
    assert alone("history", cwd=tmp_path).returncode == 0
    alone.environment |= {"XDG_CONFIG_HOME": f"{os.devnull}/x"}
    assert alone("history").returncode == 0
    done = alone("config", "init")
    assert (done.returncode, "cannot be written" in done.stderr) == (22, True)


def test_a_user_without_a_home_names_the_files(alone: Dmscan, tmp_path: Path) -> None:
    """As in a container whose user stands in no list of users."""
    (tmp_path / "sitecustomize.py").write_text("import pwd\n\ndef unknown(_):\n    raise KeyError\n\npwd.getpwuid = unknown\n")
    del alone.environment["HOME"], alone.environment["XDG_DATA_HOME"]
    alone.environment["PYTHONPATH"] = str(tmp_path)
    for command, name in ((("config", "path"), "--config"), (("history",), "--db"), (("config", "show"), "DMSCAN_DB")):
        done = alone(*command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (22, "")
        assert name in done.stderr
    assert alone("history", "-f", "json", "--db", "own.db", cwd=tmp_path).returncode == 0
    alone.environment["DMSCAN_DB"] = f"{tmp_path}/own.db"
    assert json.loads(alone("config", "show", cwd=tmp_path).stdout)["file"] is None
    assert {path.name for path in tmp_path.iterdir()} <= {"sitecustomize.py", "__pycache__"}
