"""Databricks."""

TITLE = "Databricks"
MARKER = "DATABRICKS_RUNTIME_VERSION"


def table_path(catalog: str, entity: str) -> str:
    return f"{catalog}.kindling.{entity}"
