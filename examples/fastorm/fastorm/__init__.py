"""A small asynchronous ORM: models are annotated classes, queries are values."""

from fastorm.database import Database
from fastorm.models import Model
from fastorm.query import Query

__all__ = ["Database", "Model", "Query"]

__version__ = "0.4.0"
