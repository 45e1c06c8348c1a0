"""Writes the next migration of a store: what the models say and the tree does not yet.

    python -m migrations.make STORE what_it_does

The file is a draft: read it, add what no model tells (triggers, data), then run
tests/house/test_migrations.py. A migration that has been released is never edited.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from cases.database import open_engine
from yichuang.settings import STORES
from yichuang.stores import MIGRATIONS, config_of, migrate


def make(store: str, name: str) -> None:
    """Write migrations/<store>/<number>_<name>.py, or say that there is nothing to do."""
    chosen = next(one for one in STORES if one == store)
    config = config_of(chosen)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    number = f"{len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'draft.sqlite'}")
        migrate(engine, chosen)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.revision(
                config,
                message=name,
                rev_id=number,
                autogenerate=True,
                version_path=config.get_main_option("version_locations"),
            )
        engine.dispose()
    for file in (MIGRATIONS / chosen).glob(f"{number}_*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if "commands auto generated" not in line]
        kept = [line for line in kept if "end Alembic commands" not in line]
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2])
