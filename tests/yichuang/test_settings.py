"""Settings are read from the environment once, and a child reads the very same."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from yichuang.roles import write_whole
from yichuang.settings import CHECKOUT, SettingMissing, Settings, as_environment


def test_an_empty_variable_leaves_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YICHUANG_NATS_SEEDS", "")
    assert Settings(_env_file=None).nats_seeds is None


def test_a_relative_data_folder_lies_in_the_checkout() -> None:
    assert Settings(_env_file=None, data=Path("elsewhere")).data == CHECKOUT / "elsewhere"


def test_a_child_reads_the_settings_its_parent_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Settings(
        _env_file=None,
        data=tmp_path,
        web_port=0,
        nats_integrators={"portal": ("zjj", "fgw")},
        cases_url=SecretStr("sqlite:///elsewhere"),
    )
    for name, value in as_environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == given


def test_an_embedded_store_is_a_file_of_its_own(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    assert settings.store_url("log") == f"sqlite:///{tmp_path / 'log.sqlite'}"


def test_the_large_form_asks_for_a_store_by_the_name_of_its_variable(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, form="large", data=tmp_path)
    with pytest.raises(SettingMissing, match="YICHUANG_CASES_URL"):
        settings.store_url("cases")


def test_a_port_that_was_taken_is_found_by_every_process(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    with pytest.raises(SettingMissing, match="bin/yichuang up"):
        settings.nats  # noqa: B018 -- the question itself is refused
    settings.run_folder.mkdir()
    write_whole(settings.run_folder / "ports.json", {"nats": 4333})
    assert settings.nats == "nats://127.0.0.1:4333"


def test_a_retention_below_thirty_days_is_refused() -> None:
    with pytest.raises(ValidationError, match="temporal_retention_days"):
        Settings(_env_file=None, temporal_retention_days=29)


def test_an_integrator_whose_name_would_widen_its_subjects_is_refused() -> None:
    with pytest.raises(ValidationError, match="小写字母"):
        Settings(_env_file=None, nats_integrators={"a.>": ("*",)})


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings(_env_file=None, cases_url=SecretStr("postgresql://u:geheim@h/d"))
    assert "geheim" not in repr(settings)
