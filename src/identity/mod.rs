//! Who is asking, and may they.

pub mod jwt;
pub mod sigv4;
