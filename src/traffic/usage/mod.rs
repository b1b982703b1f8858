//! Usage plans on requests: whose key a request shows, how fast and how often its plan lets it call.
//!
//! A quota of Q lets exactly Q requests through, on any number of nodes. A node spends only tokens that it holds. It gets
//! them by a *lease*: a commit that counts them as used before anybody spends them ([`lease`] says how many). What is not
//! spent is given back by another commit. A node that dies takes its lease with it: fewer requests pass then, never more.
//!
//! Each plan that is in use on a node has an actor ([`actor`]), which makes the commits for all of its keys. Requests don't
//! meet it: they take tokens from an atomic ([`purse`]) and wait for the actor only where there is none left.

mod account;
mod actor;
mod books;
mod calendar;
mod clocks;
mod desk;
mod door;
mod exchange;
mod holding;
mod lease;
mod leases;
mod limits;
mod opening;
mod pacer;
mod purse;
mod register;
mod renewal;
mod round;
#[cfg(test)]
mod simulation;
mod till;
mod view;
mod waiting;

pub use account::{Denied, Exceeded, Seat};
pub use desk::Desk;
pub use register::{Register, Settings};
