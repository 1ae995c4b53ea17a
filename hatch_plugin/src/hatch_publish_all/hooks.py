"""Entry points of the Hatch plugin. They import only Hatch itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatch_publish_all.publisher import PublishAllPublisher


@hookimpl
def hatch_register_publisher() -> type[PublishAllPublisher]:
    from hatch_publish_all.publisher import PublishAllPublisher

    return PublishAllPublisher
