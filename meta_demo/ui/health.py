"""Whether the page is well, for whoever runs it: `/healthz` for a load balancer, `/metrics` for Prometheus. No words of visitors."""

from __future__ import annotations

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meta_demo import __version__
from meta_demo.backbones.loading import SUGGESTED
from meta_demo.serving import meter
from meta_demo.serving.service import Service

FRESH = {"Cache-Control": "no-store"}


def health_routes(service: Service) -> list[Route]:
    """Both addresses, which the server finds before those of the page."""

    def healthz(_: Any) -> JSONResponse:
        return JSONResponse(_health(service), headers=FRESH)

    def metrics(_: Any) -> Response:
        meter.CACHE.set(service.cache.size)
        for kind, queue in (("heavy", service.heavy), ("light", service.light)):
            meter.QUEUE.labels(kind).set(len(queue))
        return Response(generate_latest(meter.REGISTRY), headers=FRESH, media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/metrics", metrics)]


def _health(service: Service) -> dict[str, Any]:
    """Models by the names of the page's list: what else visitors have loaded is theirs to know, and only counted."""
    loaded = service.loaded()
    listed = [model.name for model in SUGGESTED if model.name in loaded]
    return {
        "status": "ok",
        "version": __version__,
        "models": listed,
        "other_models": len(loaded - {*listed}),
        "device": str(service.device),
    }
