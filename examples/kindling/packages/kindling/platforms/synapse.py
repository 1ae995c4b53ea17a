"""Azure Synapse."""

TITLE = "Azure Synapse"
MARKER = "AZURE_SYNAPSE_WORKSPACE"


def table_path(lake: str, entity: str) -> str:
    return f"abfss://{lake}.dfs.core.windows.net/tables/{entity}"
