"""What botocore's service model of WorkMail (the API reference) says."""

import html
import re
from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape


@cache
def service_model() -> ServiceModel:
    """Return WorkMail's service model."""
    return ServiceModel(Loader().load_service_model("workmail", "service-2"), "workmail")


@cache
def operation_model(operation: str) -> OperationModel:
    """Return the model of *operation*, such as ``CreateResource``.

    Raises
    ------
    botocore.model.OperationNotFoundError
        WorkMail has no such operation.
    """
    return service_model().operation_model(operation)


def input_shape(operation: str) -> StructureShape:
    """Return what a request of *operation* looks like. Every WorkMail operation has one."""
    shape = operation_model(operation).input_shape
    if shape is None:
        raise TypeError(f"{operation} has no input in this version of botocore.")
    return shape


@cache
def modelled_errors(operation: str) -> frozenset[str]:
    """Return the error codes that *operation* lists."""
    return frozenset(shape.name for shape in operation_model(operation).error_shapes)


@cache
def documented_text(code: str) -> str:
    """Return the documentation of the error *code* in plain text; empty when the model does not have it."""
    if code not in service_model().shape_names:
        return ""
    text = service_model().shape_for(code).documentation
    return html.unescape(re.sub(r"<[^>]+>", "", text)).strip()
