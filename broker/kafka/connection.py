"""How a Kafka is reached: its addresses, and the certificate that says who we are there."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.errors import SettingsRefused
from broker.settings import Kafka, beside


@dataclass(frozen=True, slots=True)
class Connection:
    """What every client of one cluster is made with."""

    bootstrap: str
    """`HOST:PORT`, several with commas; one that answers is enough."""
    context: ssl.SSLContext | None = None
    """TLS as ourselves; None for plain text, on this machine alone."""

    @classmethod
    def of(cls, settings: Kafka, path: Path) -> "Connection":
        """How *settings*, which stand in the file *path*, say that it is reached.

        Raises:
            SettingsRefused: a certificate cannot be used.
        """
        if settings.certificate is None or settings.private_key is None:
            return cls(settings.bootstrap)
        authorities = None if settings.authorities is None else beside(path, settings.authorities)
        try:
            context = ssl.create_default_context(cafile=authorities)
            context.load_cert_chain(beside(path, settings.certificate), beside(path, settings.private_key))
        except (OSError, ssl.SSLError) as error:
            raise SettingsRefused(f"`{path}`: `kafka`: a certificate cannot be used: {error.strerror}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return cls(settings.bootstrap, context)

    def arguments(self) -> dict[str, Any]:
        """What aiokafka's clients take."""
        if self.context is None:
            return {"bootstrap_servers": self.bootstrap}
        return {"bootstrap_servers": self.bootstrap, "security_protocol": "SSL", "ssl_context": self.context}
