"""From an HTTP request to the backend and back."""

import json
import re
import socket
from typing import Any
from uuid import uuid4

from botocore.exceptions import ConnectionClosedError
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import BaseResponse
from werkzeug.exceptions import HTTPException

from .behaviour import Behaviour
from .models import WorkMailBackend, workmail_backends
from .operations import OPERATIONS
from .service_model import service_model
from .wire import Failure, render

# What moto's IAM calls its refusals, and what AWS's JSON services call them.
IAM_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


class WorkMailResponse(BaseResponse):
    """One request."""

    def __init__(self) -> None:
        super().__init__(service_name="workmail")

    def call_action(self) -> TYPE_RESPONSE:
        """Answer the request.

        Raises
        ------
        botocore.exceptions.ConnectionClosedError
            The request gets no answer, and is one under ``mock_aws``, where no connection can be closed.
        """
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        backend = self._backend()
        if backend is None:
            # The name of the endpoint does not exist there: what is nearest to that is no answer.
            return self._no_answer()
        parameters = self._parameters()
        refusal = self._refusal(operation) or self._denial(parameters)
        if refusal is not None:
            return self._answer(refusal, str(uuid4()), backend.behaviour)
        reply = backend.serve(operation, parameters, self._access_key_id())
        if reply.outcome is None:
            return self._no_answer()
        return self._answer(reply.outcome, reply.request_id, backend.behaviour)

    def _backend(self) -> WorkMailBackend | None:
        backends = workmail_backends[self.current_account]
        # Not backends.get(): only [] makes a Region's backend when it is first asked for.
        return backends[self.region] if self.region in backends else None  # noqa: SIM401

    def _parameters(self) -> Any:
        try:
            return json.loads(self.body or "{}")
        except ValueError:
            return None

    def _refusal(self, operation: str) -> Failure | None:
        if operation in OPERATIONS:
            return None
        if operation in service_model().operation_names:
            return Failure("NotImplemented", f"The sandbox's WorkMail does not have {operation} yet.", 501)
        return Failure("UnknownOperationException", f"WorkMail has no operation {operation!r}.")

    def _denial(self, parameters: Any) -> Failure | None:
        # moto checks nothing until told to (set_initial_no_auth_action_count).
        organization_id = parameters.get("OrganizationId", "*") if isinstance(parameters, dict) else "*"
        organization = f"arn:aws:workmail:{self.region}:{self.current_account}:organization/{organization_id}"
        try:
            self._authenticate_and_authorize_normal_action(organization)
        except HTTPException as denied:
            code = getattr(denied, "error_type", "AccessDenied")
            return Failure(IAM_CODES.get(code, code), getattr(denied, "message", str(denied)))
        return None

    def _access_key_id(self) -> str:
        # moto's own look-up knows ids of twenty characters only.
        credential = re.search(r"Credential=([^/,\s]+)/", self.headers.get("Authorization", ""))
        return credential[1] if credential else ""

    def _answer(self, outcome: dict[str, Any] | Failure, request_id: str, behaviour: Behaviour) -> TYPE_RESPONSE:
        status, headers, body = render(outcome, request_id, behaviour)
        return status, self.response_headers | headers, body

    def _no_answer(self) -> TYPE_RESPONSE:
        connection = self.normalized_request.environ.get("werkzeug.socket")
        if connection is None:
            raise ConnectionClosedError(endpoint_url=self.uri)
        # What the server then writes goes nowhere: the client sees the connection end before any answer.
        connection.shutdown(socket.SHUT_RDWR)
        return 500, {}, ""
