"""The OMS API: what warehouses and ERPs ask of the OMS; it describes itself at `/api/v1/openapi.json`."""
