//! Who is asking, and may they.

pub mod jwt;
pub mod pass;
pub mod sigv4;
