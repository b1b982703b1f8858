//! Who is asking, and may they.

pub mod jwt;
pub mod pass;
pub mod policy;
pub mod sigv4;
