"""One published log for all verifiers of this folder."""

from collections.abc import Iterator

import pytest

from tests.outside.published import Published, publishing


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    with publishing(tmp_path_factory.mktemp("published")) as log:
        yield log
