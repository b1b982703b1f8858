#![doc = include_str!("README.md")]

pub mod cli;
pub mod node;

pub mod control;
pub mod traffic;

pub mod functions;

pub mod catalog;
pub mod identity;
pub mod mapping;
pub mod observe;

pub mod model;

#[cfg(test)]
mod fuzz;
