//! Reads OpenAPI documents.
