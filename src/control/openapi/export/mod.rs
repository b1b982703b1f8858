//! Writes OpenAPI documents.
