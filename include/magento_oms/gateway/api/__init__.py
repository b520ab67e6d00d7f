"""The OMS API: what warehouses and ERPs ask of the OMS. Described by its own OpenAPI document (`/api/v1/docs`)."""
