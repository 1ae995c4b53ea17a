"""Microsoft Fabric."""

TITLE = "Microsoft Fabric"
MARKER = "FABRIC_WORKSPACE_ID"


def table_path(lakehouse: str, entity: str) -> str:
    return f"{lakehouse}.Lakehouse/Tables/{entity}"
